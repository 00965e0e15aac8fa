import BetterSqlite3 from 'better-sqlite3';
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { DatabasePlace } from '../databases.js';
import type { LimitRow } from './limit-tokens.js';

/** The statements of a login and a refresh, by the driver alone. */
export interface LimitRows {
  insert(row: LimitRow): unknown;
  find(handle: string): FoundRow | Promise<FoundRow>;
  /** By compare-and-swap. @returns whether it won */
  rotate(from: FoundRow, next: LimitRow): boolean | Promise<boolean>;
}

export interface FoundRow {
  handle: string;
  userId: string;
  generation: number;
  parentRefreshTokenHash: string;
}

const COLUMNS =
  'handle userId tenantId generation parentRefreshTokenHash rotatedAt confirmedAt accessTokenPayload sessionData dataVersion persistent createdAt authenticatedAt lastActiveAt expiresAt ip userAgent'.split(
    ' ',
  );

// As many connections as TypeORM opens by default.
const CONNECTIONS = 10;

type Quote = (name: string) => string;
type Parameter = (position: number) => string;

export function statements(quote: Quote, parameter: Parameter) {
  const table = quote('auth_session');
  const set = (names: string[]) =>
    names.map((name, position) => `${quote(name)} = ${parameter(position)}`).join(', ');
  const changed = [
    'generation',
    'parentRefreshTokenHash',
    'rotatedAt',
    'confirmedAt',
    'lastActiveAt',
    'expiresAt',
  ];
  return {
    insert: (rows = 1) => {
      const values = Array.from({ length: rows }, (_, row) => {
        const parameters = COLUMNS.map((__, column) => parameter(row * COLUMNS.length + column));
        return `(${parameters.join(', ')})`;
      });
      return `INSERT INTO ${table} (${COLUMNS.map(quote).join(', ')}) VALUES ${values.join(', ')}`;
    },
    find: `SELECT * FROM ${table} WHERE ${quote('handle')} = ${parameter(0)}`,
    rotate:
      `UPDATE ${table} SET ${set(changed)} WHERE ${quote('handle')} = ${parameter(6)} ` +
      `AND ${quote('generation')} = ${parameter(7)} AND ${quote('parentRefreshTokenHash')} = ${parameter(8)}`,
  };
}

export function toInsertParameters(row: LimitRow): (string | number | null)[] {
  const { handle, userId, generation, parentHash, nowMs, expiresAtMs } = row;
  const lineage = [generation, parentHash, nowMs, null];
  const times = [nowMs, nowMs, nowMs, expiresAtMs];
  return [handle, userId, 'public', ...lineage, '{}', '{}', 0, 1, ...times, null, null];
}

export function toRotateParameters(from: FoundRow, next: LimitRow): (string | number | null)[] {
  const { generation, parentHash, nowMs, expiresAtMs } = next;
  const changed = [generation, parentHash, nowMs, null, nowMs, expiresAtMs];
  return [...changed, from.handle, from.generation, from.parentRefreshTokenHash];
}

export function openLimitRows({ engine, at }: DatabasePlace): LimitRows {
  if (engine === 'sqlite') return openSqlite(at);
  return engine === 'postgres' ? openPostgres(openPool(at)) : openMariaDb(at);
}

export function openPool(at: string): pg.Pool {
  return new pg.Pool({ connectionString: at, max: CONNECTIONS });
}

function openSqlite(at: string): LimitRows {
  const database = new BetterSqlite3(at);
  database.pragma('journal_mode = WAL');
  const sql = statements(
    (name) => `"${name}"`,
    () => '?',
  );
  const insert = database.prepare(sql.insert());
  const find = database.prepare(sql.find);
  const rotate = database.prepare(sql.rotate);
  return {
    insert: (row) => insert.run(toInsertParameters(row)),
    find: (handle) => find.get(handle) as FoundRow,
    rotate: (from, next) => rotate.run(toRotateParameters(from, next)).changes === 1,
  };
}

function openPostgres(pool: pg.Pool): LimitRows {
  const sql = statements(
    (name) => `"${name}"`,
    (position) => `$${position + 1}`,
  );
  const insert = sql.insert();
  return {
    insert: (row) => pool.query(insert, withBoolean(toInsertParameters(row))),
    find: async (handle) => {
      const { rows } = await pool.query<FoundRow>(sql.find, [handle]);
      const [row] = rows;
      if (row === undefined) throw new Error('no row');
      return row;
    },
    rotate: async (from, next) =>
      (await pool.query(sql.rotate, toRotateParameters(from, next))).rowCount === 1,
  };
}

/** PostgreSQL has booleans of its own. */
export function withBoolean(parameters: unknown[]): unknown[] {
  return parameters.with(COLUMNS.indexOf('persistent'), true);
}

function openMariaDb(at: string): LimitRows {
  const pool = mysql.createPool({ uri: at, connectionLimit: CONNECTIONS });
  const sql = statements(
    (name) => `\`${name}\``,
    () => '?',
  );
  const insert = sql.insert();
  return {
    insert: (row) => pool.query(insert, toInsertParameters(row)),
    find: async (handle) => {
      const [rows] = await pool.query<mysql.RowDataPacket[]>(sql.find, [handle]);
      return rows[0] as FoundRow;
    },
    rotate: async (from, next) => {
      const parameters = toRotateParameters(from, next);
      const [result] = await pool.query<mysql.ResultSetHeader>(sql.rotate, parameters);
      return result.affectedRows === 1;
    },
  };
}
