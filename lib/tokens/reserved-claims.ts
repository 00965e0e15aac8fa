/**
 * Names in an access token that only this module writes: SuperTokens' protected ones, and the registered claims of
 * RFC 7519 §4.1 and RFC 9068 that a server would trust.
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
  'sessionHandle',
  'refreshTokenHash1',
  'parentRefreshTokenHash1',
  'antiCsrfToken',
]);

/** Claims that the server needs in the token and the front token does not show. */
export const SERVER_ONLY_CLAIMS: ReadonlySet<string> = new Set(['aud', 'auth_time']);

/** The user's own part of an access token's payload. */
export function withoutReservedClaims(
  payload: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !RESERVED_CLAIMS.has(name)));
}
