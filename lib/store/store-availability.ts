import { SessionException } from '../errors/session.exception.js';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import { driverFailureOf } from './dialect/driver-failure.js';

/**
 * What the caller is told of a failed statement. TypeORM's error carries the statement's parameters, and with them
 * user data: only the driver's code goes on.
 */
export function asStoreUnavailable(error: unknown): SessionException {
  if (error instanceof SessionException) return error;
  const { name, code } = driverFailureOf(error);
  return new SessionStoreUnavailableException({
    cause: new Error(`${name}${code === undefined ? '' : ` (${code})`} from the database`),
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
