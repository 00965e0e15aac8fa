import type { SessionDatabase } from './session-database.js';
import {
  SESSION_COLUMNS,
  toParameters,
  toSessionRecord,
  type SessionRecord,
} from './session-record.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

/** A rotation by compare-and-swap: only from the generation that the caller has read. */
export interface Rotation {
  readonly handle: string;
  readonly from: { readonly generation: number; readonly parentHash: string };
  readonly next: {
    readonly parentHash: string;
    readonly rotatedAtMs: number;
    readonly expiresAtMs: number;
  };
}

const ROTATION_TYPES = ['uuid', 'int', 'varchar', 'varchar', 'bigint', 'bigint'];

/**
 * The statements on sessions for many callers at once. None of them waits for a lock: one slow transaction of the
 * application would hold up other users.
 */
export class SharedSessionStatements {
  private readonly texts = new Map<string, string>();

  constructor(private readonly database: SessionDatabase) {}

  async find(handles: readonly string[]): Promise<(SessionRecord | null)[]> {
    const sql = this.text('find', handles.length, findStatement);
    const { rows } = await this.database.run(sql, handles);
    const records = new Map(rows.map(toSessionRecord).map((record) => [record.handle, record]));
    return handles.map((handle) => records.get(handle) ?? null);
  }

  /** For PostgreSQL: elsewhere an INSERT may wait for the lock on a gap. */
  async insert(records: readonly SessionRecord[]): Promise<true[]> {
    const sql = this.text('insert', records.length, insertStatement);
    await this.database.run(sql, records.flatMap(toParameters));
    return records.map(() => true);
  }

  /** For PostgreSQL. @returns whether each has won; `undefined` for a row that is locked or gone */
  async rotate(rotations: readonly Rotation[]): Promise<(boolean | undefined)[]> {
    const sql = this.text('rotate', rotations.length, rotateStatement);
    const parameters = rotations.flatMap(({ handle, from, next }) => [
      handle,
      from.generation,
      from.parentHash,
      next.parentHash,
      next.rotatedAtMs,
      next.expiresAtMs,
    ]);
    const { rows } = await this.database.run(sql, parameters);
    const outcomes = new Map(rows.map(({ handle, won }) => [handle, won === true]));
    return rotations.map(({ handle }) => outcomes.get(handle));
  }

  // Made once for each number of callers.
  private text(
    name: string,
    count: number,
    make: (table: Table<Session>, count: number) => string,
  ): string {
    const key = `${name} ${count}`;
    const text = this.texts.get(key) ?? make(this.database.table(Session), count);
    this.texts.set(key, text);
    return text;
  }
}

function findStatement(table: Table<Session>, count: number): string {
  return (
    `SELECT ${table.selection(SESSION_COLUMNS)} FROM ${table.name} ` +
    `WHERE ${table.column('handle')} IN (${table.parameters(count)})`
  );
}

function insertStatement(table: Table<Session>, count: number): string {
  return table.insertion(SESSION_COLUMNS, count);
}

function rotateStatement(table: Table<Session>, count: number): string {
  const width = ROTATION_TYPES.length;
  const wanted = Array.from({ length: count }, (_, row) => {
    const values = ROTATION_TYPES.map(
      (type, index) => `CAST(${table.parameter(row * width + index)} AS ${type})`,
    );
    return `(${values.join(', ')})`;
  });
  const c = (property: keyof Session): string => table.column(property);
  const own = (property: keyof Session): string => `own.${c(property)}`;
  return (
    `WITH wanted(handle, generation, parent, next_parent, at, expires_at) AS (VALUES ${wanted.join(', ')}), ` +
    `unlocked AS (SELECT ${own('handle')} AS handle FROM ${table.name} AS own ` +
    `WHERE ${own('handle')} IN (SELECT handle FROM wanted) FOR UPDATE SKIP LOCKED), ` +
    `rotated AS (UPDATE ${table.name} AS own SET ${c('generation')} = wanted.generation + 1, ` +
    `${c('parentRefreshTokenHash')} = wanted.next_parent, ${c('rotatedAt')} = wanted.at, ` +
    `${c('confirmedAt')} = NULL, ${c('lastActiveAt')} = wanted.at, ${c('expiresAt')} = wanted.expires_at ` +
    `FROM wanted JOIN unlocked ON unlocked.handle = wanted.handle ` +
    `WHERE ${own('handle')} = wanted.handle AND ${own('generation')} = wanted.generation ` +
    `AND ${own('parentRefreshTokenHash')} = wanted.parent RETURNING ${own('handle')} AS handle) ` +
    `SELECT unlocked.handle, rotated.handle IS NOT NULL AS won ` +
    `FROM unlocked LEFT JOIN rotated ON rotated.handle = unlocked.handle`
  );
}
