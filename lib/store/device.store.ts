import { Injectable } from '@nestjs/common';
import { SessionDatabase } from './session-database.js';
import { DEVICE_COLUMNS } from './session-record.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

const ROWS_PER_PAGE = 200;

/** Statements on the stored data about sessions' clients. */
@Injectable()
export class DeviceStore {
  constructor(private readonly database: SessionDatabase) {}

  /**
   * Removes the client's data from the first rows between two handles, which are ordered by time. Rows without such
   * data are updated too. Looking for the others could read the whole table.
   *
   * @param limit how many rows it may change
   * @returns how many it has changed, and the last handle that it reached; `undefined` if it reached the end
   */
  async forget(
    fromHandle: string,
    beforeHandle: string,
    limit: number,
  ): Promise<{ rows: number; next: string | undefined }> {
    const parameters = [fromHandle, beforeHandle];
    const { rows } = await this.database.run(this.statements.find, parameters);
    const known = rows.filter((row) => DEVICE_COLUMNS.some((column) => row[column] !== null));
    const handles = known.slice(0, limit).map((row) => String(row['handle']));
    if (handles.length > 0) {
      await this.database.run(this.statements.forget(handles.length), handles);
    }
    if (handles.length < known.length) return { rows: handles.length, next: handles.at(-1) };
    const last = rows.length < ROWS_PER_PAGE ? undefined : rows.at(-1);
    return { rows: handles.length, next: last && String(last['handle']) };
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function prepareStatements(table: Table<Session>) {
  const c = (property: keyof Session): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  return {
    find:
      `SELECT ${table.selection(['handle', ...DEVICE_COLUMNS])} FROM ${table.name} ` +
      `${table.where(`${c('handle')} >= ${p(0)} AND ${c('handle')} < ${p(1)}`)} ORDER BY ${c('handle')} LIMIT ${ROWS_PER_PAGE}`,
    forget: (count: number) =>
      `UPDATE ${table.name} SET ${DEVICE_COLUMNS.map((column) => `${c(column)} = NULL`).join(', ')} ` +
      table.where(`${c('handle')} IN (${table.parameters(count)})`),
  };
}
