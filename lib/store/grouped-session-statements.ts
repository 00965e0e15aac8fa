import type { SessionDatabase } from './session-database.js';
import {
  SESSION_COLUMNS,
  toParameters,
  toSessionRecord,
  type SessionRecord,
} from './session-record.js';
import { Session } from './session.entity.js';
import { rememberedByCount, type Table } from './table.js';

/**
 * Statements on sessions for many callers at once. None of them waits for a lock: otherwise one slow transaction of the
 * application would hold up other users.
 */
export class GroupedSessionStatements {
  constructor(private readonly database: SessionDatabase) {}

  async find(handles: readonly string[]): Promise<(SessionRecord | null)[]> {
    const { rows } = await this.database.run(this.statements.find(handles.length), handles);
    const records = new Map(rows.map(toSessionRecord).map((record) => [record.handle, record]));
    return handles.map((handle) => records.get(handle) ?? null);
  }

  /** For databases in which logins share an INSERT. */
  async insert(records: readonly SessionRecord[], isOverdue: () => boolean): Promise<true[]> {
    const parameters = records.flatMap(toParameters);
    await this.database.attempt(this.statements.insert(records.length), parameters, isOverdue);
    return records.map(() => true);
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function prepareStatements(table: Table<Session>) {
  const handle = table.column('handle');
  const insertions = table.insertions(SESSION_COLUMNS);
  const { sharedInsert = (insertion: string) => insertion } = table.dialect;
  const find = `SELECT ${table.selection(SESSION_COLUMNS)} FROM ${table.name}`;
  return {
    find: rememberedByCount(
      (count) => `${find} ${table.where(`${handle} IN (${table.parameters(count)})`)}`,
    ),
    insert: rememberedByCount((count) => sharedInsert(insertions(count))),
  };
}
