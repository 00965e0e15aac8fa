import { ERROR_STATUSES } from '../errors/error-statuses.js';
import type { OptionReader } from './option-reader.js';

/** The HTTP statuses of refusals, by which a client tells whether to refresh. They must differ. @publicApi */
export interface SessionStatusCodeOptions {
  /** Status of "unauthorised", "try refresh token" and "token theft detected". @default 401 */
  sessionExpiredStatusCode?: number;
  /** Status of "invalid claim". @default 403 */
  invalidClaimStatusCode?: number;
}

/** The resolved statuses. */
export interface StatusCodes {
  readonly sessionExpiredStatusCode: number;
  readonly invalidClaimStatusCode: number;
}

/** Reads the statuses. */
export function readStatusCodes(reader: OptionReader): StatusCodes {
  const { UNAUTHORISED: expired, INVALID_CLAIMS: invalid } = ERROR_STATUSES;
  const sessionExpiredStatusCode = reader.integer(
    'sessionExpiredStatusCode',
    400,
    499,
    expired.status,
  );
  const invalidClaimStatusCode = reader.integer('invalidClaimStatusCode', 400, 499, invalid.status);
  if (sessionExpiredStatusCode === invalidClaimStatusCode) {
    reader.problem('invalidClaimStatusCode', 'is the same as `sessionExpiredStatusCode`');
  }
  return { sessionExpiredStatusCode, invalidClaimStatusCode };
}
