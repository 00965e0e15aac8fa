import { SessionException } from '../../errors/session.exception.js';
import { SessionStoreFailureException } from '../../errors/session-store-failure.exception.js';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import type { Dialect } from '../dialect/dialect.js';
import { driverFailureOf } from './driver-failure.js';
import type { FailureLog } from './failure-log.js';
import { failureText } from './failure-text.js';

// A quoted name in one of our statements, with or without a schema.
const TABLE = /\b(?:INTO|UPDATE|FROM) ((?:["`][^"`]+["`]\.)*["`][^"`]+["`])/;

/**
 * The caller's exception for a failed statement: the database is away if the same statement may succeed later, or else
 * it refuses. TypeORM's error carries the statement's parameters, and so user data, and is never passed on.
 */
export function asStoreException(
  error: unknown,
  dialect: Dialect,
  log: FailureLog,
): SessionException {
  if (error instanceof SessionException) return error;
  const failure = driverFailureOf(error);
  const kind = dialect.failureKind(failure);
  const cause = new Error(failureText(failure, kind));
  if (kind === 'outage' || kind === 'conflict') {
    return new SessionStoreUnavailableException({ cause });
  }
  const table = TABLE.exec(failure.sql)?.[1] ?? 'a table';
  const cure = kind === 'unstorable' ? ` ${dialect.unstorableCure(failure, table)}` : '';
  log.tell(
    `The database refuses a statement on ${table}, and sessions answer 500: ${cause.message}${cure}`,
  );
  return new SessionStoreFailureException({ cause });
}

/**
 * The driver's error for a conflict in a caller's transaction. TypeORM passes it on, so that code that retries
 * transactions recognizes it. Only the statement's parameters in it are removed.
 */
export function asConflictOfCaller(error: unknown): unknown {
  for (let each = error; typeof each === 'object' && each !== null;) {
    if ('parameters' in each) each.parameters = [];
    // The text that mysql2 sent, including parameters.
    if ('sql' in each) delete each.sql;
    each = 'driverError' in each ? each.driverError : undefined;
  }
  return error;
}
