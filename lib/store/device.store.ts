import type { SessionDatabase } from './session-database.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

/** The statements on what is kept of sessions' clients. */
export class DeviceStore {
  private prepared: ReturnType<typeof prepareStatements> | undefined;

  constructor(private readonly database: SessionDatabase) {}

  /**
   * Takes what is known of the client out of rows between two handles, which order by their time.
   *
   * @returns the last handle of the batch; `undefined` where it was the last batch
   */
  async forget(
    fromHandle: string,
    beforeHandle: string,
    limit: number,
  ): Promise<string | undefined> {
    const { rows } = await this.database.run(this.statements.find(limit), [
      fromHandle,
      beforeHandle,
    ]);
    const handles = rows.map((row) => String(row['handle']));
    if (handles.length > 0) {
      await this.database.run(this.statements.forget(handles.length), handles);
    }
    return handles.length < limit ? undefined : handles.at(-1);
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    this.prepared ??= prepareStatements(this.database.table(Session));
    return this.prepared;
  }
}

function prepareStatements(table: Table<Session>) {
  const c = (property: keyof Session): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  return {
    find: (limit: number) =>
      `SELECT ${table.selection(['handle'])} FROM ${table.name} ` +
      `WHERE ${c('handle')} >= ${p(0)} AND ${c('handle')} < ${p(1)} ` +
      `AND (${c('ip')} IS NOT NULL OR ${c('userAgent')} IS NOT NULL) ORDER BY ${c('handle')} LIMIT ${limit}`,
    forget: (count: number) =>
      `UPDATE ${table.name} SET ${c('ip')} = NULL, ${c('userAgent')} = NULL ` +
      `WHERE ${c('handle')} IN (${table.parameters(count)})`,
  };
}
