import { HELD_COLUMNS, LISTING_COLUMNS, OUTLINE_COLUMNS } from './session-outline.js';
import { SESSION_COLUMNS } from './session-record.js';
import type { Session } from './session.entity.js';
import type { Table } from './table.js';

/** An embedded database reads this many in 3 ms. */
export const ROWS_PER_PAGE = 250;

export type SessionStatements = ReturnType<typeof sessionStatements>;

/** The texts of the statements on sessions. */
export function sessionStatements(table: Table<Session>) {
  const c = (property: keyof Session): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  const whereHandle = (position: number, more = ''): string =>
    table.where(`${c('handle')} = ${p(position)}${more}`);
  const whereHandles = (count: number, more = ''): string =>
    table.where(`${c('handle')} IN (${table.parameters(count)})${more}`);
  // A sum, so that databases use the index of the handle or the user. SQLite without statistics, and MariaDB in a table
  // of a few rows, prefer the index of expiry. MariaDB would then lock neighboring rows, and hold up logins.
  const expiry = `${c('expiresAt')} + 0`;
  const parent = c('parentRefreshTokenHash');
  const outline = table.selection(OUTLINE_COLUMNS);
  const take = (where: string): string =>
    table.dialect.returnsDeleted
      ? `DELETE FROM ${table.name} ${where} RETURNING ${outline}`
      : `SELECT ${outline} FROM ${table.name} ${where} FOR UPDATE`;
  return {
    insert: table.insertion(SESSION_COLUMNS),
    find: `SELECT ${table.selection(SESSION_COLUMNS)} FROM ${table.name} ${whereHandle(0)}`,
    held: (count: number) =>
      `SELECT ${table.selection(HELD_COLUMNS)} FROM ${table.name} ${whereHandles(count)}`,
    deleteReturning: (count: number) => take(whereHandles(count)),
    rotate: (isBound: boolean) =>
      `UPDATE ${table.name} SET ${c('generation')} = ${p(0)}, ${parent} = ${p(1)}, ` +
      `${c('rotatedAt')} = ${p(2)}, ${c('confirmedAt')} = NULL, ${c('lastActiveAt')} = ${p(3)}, ${c('expiresAt')} = ${p(4)} ` +
      whereHandle(
        5,
        ` AND ${c('generation')} = ${p(6)} AND ${parent} = ${p(7)}` +
          ` AND ${c('deviceKey')} IS ${isBound ? 'NOT NULL' : 'NULL'}`,
      ),
    confirmByRefresh:
      `UPDATE ${table.name} SET ${c('confirmedAt')} = ${p(0)}, ${c('lastActiveAt')} = ${p(1)}, ${c('expiresAt')} = ${p(2)} ` +
      whereHandle(3, ` AND ${parent} = ${p(4)} AND ${c('confirmedAt')} IS NULL`),
    replacePayload:
      `UPDATE ${table.name} SET ${c('accessTokenPayload')} = ${p(0)}, ${c('dataVersion')} = ${p(1)} ` +
      whereHandle(2, ` AND ${c('dataVersion')} = ${p(3)}`),
    replaceData:
      `UPDATE ${table.name} SET ${c('sessionData')} = ${p(0)} ` +
      whereHandle(
        1,
        ` AND ${expiry} > ${p(2)} ` +
          `AND (${c('persistent')} AND ${c('lastActiveAt')} > ${p(3)} OR NOT ${c('persistent')} AND ${c('lastActiveAt')} > ${p(4)})`,
      ),
    impersonate: (isAnother: boolean) =>
      `UPDATE ${table.name} SET ${c('impersonating')} = ${p(0)} ` +
      whereHandle(
        1,
        ` AND ${expiry} > ${p(2)} AND ${c('impersonating')} ${isAnother ? `= ${p(3)}` : 'IS NULL'}`,
      ),
    deleteAll: (count: number) => `DELETE FROM ${table.name} ${whereHandles(count)}`,
    deleteExpired: (count: number) => take(whereHandles(count, ` AND ${expiry} <= ${p(count)}`)),
    deleteUnlessActive: take(whereHandle(0, ` AND ${c('lastActiveAt')} = ${p(1)}`)),
    pageOfUser:
      `SELECT ${table.selection(LISTING_COLUMNS)} FROM ${table.name} ` +
      table.where(`${c('userId')} = ${p(0)} AND ${c('handle')} < ${p(1)} AND ${expiry} > ${p(2)}`) +
      ` ORDER BY ${c('handle')} DESC LIMIT ${ROWS_PER_PAGE}`,
    findExpired: (limit: number) =>
      `SELECT ${outline} FROM ${table.name} ` +
      table.where(`${c('expiresAt')} >= ${p(0)} AND ${c('expiresAt')} <= ${p(1)}`) +
      ` ORDER BY ${c('expiresAt')} LIMIT ${limit}`,
  };
}
