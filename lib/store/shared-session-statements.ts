import type { SessionDatabase } from './session-database.js';
import {
  SESSION_COLUMNS,
  toParameters,
  toSessionRecord,
  type SessionRecord,
} from './session-record.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

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
