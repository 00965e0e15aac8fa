import type { SessionDatabase } from './session-database.js';
import { SESSION_COLUMNS, toSessionRecord, type SessionRecord } from './session-record.js';
import { Session } from './session.entity.js';
import { SessionStore } from './session.store.js';
import type { Table } from './table.js';

/** The statements by which one session takes another's place, in a transaction. */
export class SessionSuccessionStore {
  constructor(private readonly database: SessionDatabase) {}

  /**
   * Takes a session's row away, so that whoever else would end or change it comes too early or too late.
   *
   * @param from as it was read
   * @returns what it held at that moment; `undefined` where it is gone, or its payload is another by now
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
  const isAsRead = `${table.column('handle')} = ${table.parameter(0)} AND ${table.column('dataVersion')} = ${table.parameter(1)}`;
  const columns = table.selection(SESSION_COLUMNS);
  return {
    take: table.dialect.returnsDeleted
      ? `DELETE FROM ${table.name} WHERE ${isAsRead} RETURNING ${columns}`
      : `SELECT ${columns} FROM ${table.name} WHERE ${isAsRead} FOR UPDATE`,
  };
}
