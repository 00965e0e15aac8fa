/**
 * Claims in an access token that only this module writes. They are SuperTokens' protected claims, and the registered
 * claims that a server would trust (RFC 7519 §4.1, RFC 8693 §4.1, RFC 9068, RFC 7800).
 */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  'sub',
  'iat',
  'exp',
  'nbf',
  'iss',
  'aud',
  'jti',
  'tId',
  'rsub',
  'stt',
  'kid',
  'typ',
  'version',
  'auth_time',
  'act',
  'cnf',
  'sessionHandle',
  'refreshTokenHash1',
  'parentRefreshTokenHash1',
  'antiCsrfToken',
]);

/** Claims that the server needs in the token, but that the front token does not show. */
export const SERVER_ONLY_CLAIMS: ReadonlySet<string> = new Set(['aud', 'auth_time', 'cnf']);

/** The user's own part of an access token's payload. */
export function withoutReservedClaims(
  payload: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !RESERVED_CLAIMS.has(name)));
}
