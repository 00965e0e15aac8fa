import { SessionException } from '../errors/session.exception.js';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';

// What a database answers when it has undone the statement because of a concurrent one, so that it may be run again:
// PostgreSQL 40001 and 40P01, MariaDB and MySQL 1213 (deadlock, or a lost certification in a Galera cluster), 1205
// (lock wait) and 1020 (snapshot isolation, which MariaDB has switched on since 11.6), SQLite BUSY.
const CONFLICTS: ReadonlySet<unknown> = new Set([
  '40001',
  '40P01',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_CHECKREAD',
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
]);
const DUPLICATES: ReadonlySet<unknown> = new Set([
  '23505',
  'ER_DUP_ENTRY',
  'SQLITE_CONSTRAINT_UNIQUE',
  'SQLITE_CONSTRAINT_PRIMARYKEY',
]);

// PostgreSQL undefined_table and undefined_column; SQLite has one code for both, and for every other slip in a statement.
const LACKS: ReadonlyMap<unknown, SchemaLack> = new Map([
  ['42P01', 'table'],
  ['42703', 'column'],
  ['ER_NO_SUCH_TABLE', 'table'],
  ['ER_BAD_FIELD_ERROR', 'column'],
]);

/** What a statement asked for and the database does not have. */
export type SchemaLack = 'table' | 'column';

export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(driverCode(error));
}

export function isDuplicate(error: unknown): boolean {
  return DUPLICATES.has(driverCode(error));
}

/** @returns `undefined` for an error that has another cause, such as a database that can't be reached */
export function schemaLack(error: unknown): SchemaLack | undefined {
  const said = error instanceof Error ? /no such (table|column)/.exec(error.message)?.[1] : '';
  if (said === 'table' || said === 'column') return said;
  return LACKS.get(driverCode(error));
}

/**
 * What the caller is told of a failed statement. TypeORM's error carries the statement's parameters, and with them
 * user data: only the driver's code goes on.
 */
export function asStoreUnavailable(error: unknown): SessionException {
  if (error instanceof SessionException) return error;
  const code = driverCode(error);
  const name = error instanceof Error ? error.name : 'Error';
  return new SessionStoreUnavailableException({
    cause: new Error(`${name}${typeof code === 'string' ? ` (${code})` : ''} from the database`),
  });
}

/**
 * A conflict in a caller's transaction, for the caller: the driver's error as TypeORM passes it on, so that whatever runs
 * transactions again knows it. Only what it repeats of the statement's parameters is taken out.
 */
export function asConflictOfCaller(error: unknown): unknown {
  for (let each = error; typeof each === 'object' && each !== null;) {
    if ('parameters' in each) each.parameters = [];
    // The text that mysql2 has sent, parameters and all.
    if ('sql' in each) delete each.sql;
    each = 'driverError' in each ? each.driverError : undefined;
  }
  return error;
}

function driverCode(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  return code ?? driverCode(driverError);
}
