import type { Session } from '../session.entity.js';
import type { Table } from '../table.js';

/** The parts of an UPDATE of the rows with some handles, in the order of their parameters. */
export interface UpdateOfRows {
  readonly table: Table<Session>;
  readonly set: string;
  readonly handles: string;
  /** The further condition on a row. */
  readonly condition: string;
}

/** @param hint where the database must be told by which index it finds the rows */
export function updateRows({ table, set, handles, condition }: UpdateOfRows, hint = ''): string {
  const isAsked = `${table.column('handle')} IN (${handles}) AND ${condition}`;
  return `UPDATE ${table.name}${hint} SET ${set} ${table.where(isAsked)}`;
}
