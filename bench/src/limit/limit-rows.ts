import BetterSqlite3 from 'better-sqlite3';
import mysql from 'mysql2';
import pg from 'pg';
import type { DatabasePlace } from '../databases.js';
import { limitSql, rotationValues } from './limit-sql.js';
import type { LimitRow, Presented } from './limit-tokens.js';

/** The statements of a login and a refresh. */
export interface LimitRows {
  insert(row: LimitRow): unknown;
  /** What new tokens need of a row. */
  find(handle: string): FoundRow | Promise<FoundRow>;
  /** By compare-and-swap. @throws {Error} where the row is not as the token says */
  rotate(from: Presented, next: LimitRow): FoundRow | Promise<FoundRow>;
}

export interface FoundRow {
  readonly userId: string;
  readonly accessTokenPayload: string;
}

// As many connections as TypeORM opens by default.
const CONNECTIONS = 10;

/** By the driver alone, each statement for one session, prepared where the database can. */
export function openLimitRows({ engine, at }: DatabasePlace): LimitRows {
  if (engine === 'sqlite') return openSqlite(at);
  return engine === 'postgres' ? openPostgres(openPool(at)) : openMariaDb(openMariaDbPool(at));
}

export function openPool(at: string): pg.Pool {
  return new pg.Pool({ connectionString: at, max: CONNECTIONS });
}

/** With callbacks: its promises cost more than ours do. */
export function openMariaDbPool(at: string): mysql.Pool {
  return mysql.createPool({ uri: at, connectionLimit: CONNECTIONS });
}

export function openSqliteFile(at: string): BetterSqlite3.Database {
  const database = new BetterSqlite3(at);
  database.pragma('journal_mode = WAL');
  return database;
}

/** What a rotation has brought back. @throws {Error} where that is nothing */
export function won(row: FoundRow | undefined): FoundRow {
  if (row === undefined) throw new Error('lost a race');
  return row;
}

function openSqlite(at: string): LimitRows {
  const database = openSqliteFile(at);
  const sql = limitSql('sqlite');
  const insert = database.prepare<unknown[]>(sql.insert.text);
  const find = database.prepare<unknown[], FoundRow>(sql.find.text);
  const rotate = database.prepare<unknown[], FoundRow>(sql.rotate.text);
  return {
    insert: (row) => insert.run(sql.insert.parametersOf({ ...row })),
    find: (handle) => won(find.get(handle)),
    rotate: (from, next) => won(rotate.get(sql.rotate.parametersOf(rotationValues(from, next)))),
  };
}

function openPostgres(pool: pg.Pool): LimitRows {
  const sql = limitSql('postgres');
  // A named statement is parsed once by each connection.
  const first = async (name: 'insert' | 'find' | 'rotate', values: unknown[]) =>
    (await pool.query<FoundRow>({ name, text: sql[name].text, values })).rows[0];
  return {
    insert: (row) => first('insert', sql.insert.parametersOf({ ...row })),
    find: async (handle) => won(await first('find', [handle])),
    rotate: async (from, next) =>
      won(await first('rotate', sql.rotate.parametersOf(rotationValues(from, next)))),
  };
}

// It has no `UPDATE … RETURNING`: a rotation reads first, and the update decides.
function openMariaDb(pool: mysql.Pool): LimitRows {
  const sql = limitSql('mariadb');
  const run = <T extends mysql.QueryResult>(text: string, values: unknown[]) =>
    new Promise<T>((resolve, reject) => {
      pool.execute<T>(text, values as string[], (error, result) =>
        error === null ? resolve(result) : reject(error),
      );
    });
  const find = async (handle: string) => {
    const rows = await run<mysql.RowDataPacket[]>(sql.find.text, [handle]);
    return won(rows[0] as FoundRow | undefined);
  };
  return {
    insert: (row) => run(sql.insert.text, sql.insert.parametersOf({ ...row })),
    find,
    rotate: async (from, next) => {
      const row = await find(from.handle);
      const values = sql.rotate.parametersOf(rotationValues(from, next));
      const { affectedRows } = await run<mysql.ResultSetHeader>(sql.rotate.text, values);
      return won(affectedRows === 1 ? row : undefined);
    },
  };
}
