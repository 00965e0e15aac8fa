import type { SessionDatabase } from './session-database.js';
import { SESSION_COLUMNS, toSessionRecord, type SessionRecord } from './session-record.js';
import { Session } from './session.entity.js';
import { SessionStore } from './session.store.js';
import type { Table } from './table.js';

/** Statements that replace one session with another, in a transaction. */
export class SessionSuccessionStore {
  constructor(private readonly database: SessionDatabase) {}

  /**
   * Removes a session's row. Any other attempt to end or change the session then comes too early or too late.
   *
   * @param from the row as it was read
   * @returns the row at that moment; `undefined` if it is gone, or if its payload has changed
   */
  async take(
    from: Pick<SessionRecord, 'handle' | 'dataVersion'>,
  ): Promise<SessionRecord | undefined> {
    const { handle, dataVersion } = from;
    const { rows } = await this.database.run(this.statements.take, [handle, dataVersion]);
    const taken = rows[0] && toSessionRecord(rows[0]);
    if (taken !== undefined && !this.database.dialect.returnsDeleted) {
      await new SessionStore(this.database).deleteAll([handle]);
    }
    return taken;
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function prepareStatements(table: Table<Session>) {
  const whereAsRead = table.where(
    `${table.column('handle')} = ${table.parameter(0)} AND ${table.column('dataVersion')} = ${table.parameter(1)}`,
  );
  const columns = table.selection(SESSION_COLUMNS);
  return {
    take: table.dialect.returnsDeleted
      ? `DELETE FROM ${table.name} ${whereAsRead} RETURNING ${columns}`
      : `SELECT ${columns} FROM ${table.name} ${whereAsRead} FOR UPDATE`,
  };
}
