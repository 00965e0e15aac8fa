import type { OptionReader } from './option-reader.js';

/** The HTTP statuses of refusals. */
export interface StatusCodes {
  /** Of "unauthorised", "try refresh token" and "token theft detected". */
  readonly sessionExpiredStatusCode: number;
  /** Of "invalid claim". */
  readonly invalidClaimStatusCode: number;
}

/** Reads the statuses. A client tells by the status whether to refresh, so they must differ. */
export function readStatusCodes(reader: OptionReader): StatusCodes {
  const sessionExpiredStatusCode = reader.integer('sessionExpiredStatusCode', 400, 499, 401);
  const invalidClaimStatusCode = reader.integer('invalidClaimStatusCode', 400, 499, 403);
  if (sessionExpiredStatusCode === invalidClaimStatusCode) {
    reader.problem('invalidClaimStatusCode', 'is the same as `sessionExpiredStatusCode`');
  }
  return { sessionExpiredStatusCode, invalidClaimStatusCode };
}
