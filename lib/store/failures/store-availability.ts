import { SessionException } from '../../errors/session.exception.js';
import { SessionStoreFailureException } from '../../errors/session-store-failure.exception.js';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import type { Dialect } from '../dialect/dialect.js';
import { driverFailureOf } from './driver-failure.js';
import type { FailureLog } from './failure-log.js';
import { failureText } from './failure-text.js';

// In a statement of ours: a name in quotes, in a schema or not.
const TABLE = /\b(?:INTO|UPDATE|FROM) ((?:["`][^"`]+["`]\.)*["`][^"`]+["`])/;

/**
 * What the caller is told of a failed statement: that the database is away, if it may do the same later, or else that it
 * refuses. TypeORM's error carries the statement's parameters, and with them user data: it goes nowhere.
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
