import BetterSqlite3 from 'better-sqlite3';
import mysql from 'mysql2/promise';
import type { DatabasePlace } from '../databases.js';
import { openPool } from './limit-rows.js';

type Parameters = readonly (string | number)[];
type Run = (sql: string, parameters: Parameters) => unknown;

const BATCH = 200;

/** What the limit programs ask of many rows, by the driver alone. */
export class LimitStatements {
  private constructor(
    private readonly run: Run,
    private readonly quote: string,
    private readonly numbered: boolean,
  ) {}

  static open({ engine, at }: DatabasePlace): LimitStatements {
    if (engine === 'sqlite') return LimitStatements.openSqlite(at);
    if (engine === 'postgres') {
      const pool = openPool(at);
      const run: Run = async (sql, parameters) => (await pool.query(sql, [...parameters])).rows;
      return new LimitStatements(run, '"', true);
    }
    const pool = mysql.createPool({ uri: at, connectionLimit: 10 });
    const run: Run = async (sql, parameters) => (await pool.query(sql, [...parameters]))[0];
    return new LimitStatements(run, '`', false);
  }

  ofUser(userId: string): unknown {
    return this.run(
      `SELECT * FROM ${this.table} WHERE ${this.isOwn} AND ${this.name('userId')} = ${this.p(1)}`,
      [userId],
    );
  }

  deleteOfUser(userId: string): unknown {
    return this.run(
      `DELETE FROM ${this.table} WHERE ${this.isOwn} AND ${this.name('userId')} = ${this.p(1)}`,
      [userId],
    );
  }

  /** Deletes what has expired, batch by batch. @returns how many rows there were */
  async prune(nowMs: number): Promise<number> {
    let pruned = 0;
    const expired = `${this.isOwn} AND ${this.name('expiresAt')} <= ${this.p(1)}`;
    for (let found = BATCH; found === BATCH; pruned += found) {
      const rows = (await this.run(
        `SELECT ${this.name('handle')} FROM ${this.table} WHERE ${expired} ` +
          `ORDER BY ${this.name('expiresAt')} LIMIT ${BATCH}`,
        [nowMs],
      )) as { handle: string }[];
      found = rows.length;
      if (found === 0) break;
      const list = rows.map((_, index) => this.p(index + 2)).join(', ');
      await this.run(
        `DELETE FROM ${this.table} WHERE ${expired} AND ${this.name('handle')} IN (${list})`,
        [nowMs, ...rows.map(({ handle }) => handle)],
      );
    }
    return pruned;
  }

  private static openSqlite(at: string): LimitStatements {
    const database = new BetterSqlite3(at);
    database.pragma('journal_mode = WAL');
    const prepared = new Map<string, BetterSqlite3.Statement>();
    const run: Run = (sql, parameters) => {
      const statement = prepared.get(sql) ?? database.prepare(sql);
      prepared.set(sql, statement);
      return statement.reader ? statement.all(...parameters) : statement.run(...parameters);
    };
    return new LimitStatements(run, '"', false);
  }

  private get table(): string {
    return this.name('auth_session');
  }

  private get isOwn(): string {
    return `${this.name('realm')} = ''`;
  }

  private name(name: string): string {
    return `${this.quote}${name}${this.quote}`;
  }

  private p(position: number): string {
    return this.numbered ? `$${position}` : '?';
  }
}
