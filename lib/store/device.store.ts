import type { SessionDatabase } from './session-database.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

/** The statements on what is kept of sessions' clients. */
export class DeviceStore {
  private prepared: ReturnType<typeof prepareStatements> | undefined;

  constructor(private readonly database: SessionDatabase) {}

  /**
   * Takes what is known of the client out of the first rows between two handles, which order by their time. Those of
   * which nothing is known count too: a statement that looked for the others could read the whole table.
   *
   * @returns the last handle of the batch; `undefined` where it was the last batch
   */
  async forget(
    fromHandle: string,
    beforeHandle: string,
    limit: number,
  ): Promise<string | undefined> {
    const parameters = [fromHandle, beforeHandle];
    const { rows } = await this.database.run(this.statements.find(limit), parameters);
    const known = rows.filter((row) => row['ip'] !== null || row['userAgent'] !== null);
    if (known.length > 0) {
      const handles = known.map((row) => String(row['handle']));
      await this.database.run(this.statements.forget(handles.length), handles);
    }
    const last = rows.at(-1);
    return last === undefined || rows.length < limit ? undefined : String(last['handle']);
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
      `SELECT ${table.selection(['handle', 'ip', 'userAgent'])} FROM ${table.name} ` +
      `WHERE ${c('handle')} >= ${p(0)} AND ${c('handle')} < ${p(1)} ORDER BY ${c('handle')} LIMIT ${limit}`,
    forget: (count: number) =>
      `UPDATE ${table.name} SET ${c('ip')} = NULL, ${c('userAgent')} = NULL ` +
      `WHERE ${c('handle')} IN (${table.parameters(count)})`,
  };
}
