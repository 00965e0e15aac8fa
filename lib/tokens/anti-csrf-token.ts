import { NO_PARENT_HASH, type RefreshTokenClaims, type RefreshTokenKey } from './refresh-token.js';
import { constantTimeEqual, hmacSha256 } from './secrets.js';

const MAX_TOKEN_LENGTH = 256;

/** 32 bytes in base64url. */
export const ANTI_CSRF_TOKEN_LENGTH = 43;

/**
 * The anti-CSRF token that belongs to a refresh token, in base64url characters. It is derived and never stored, so the
 * database holds none. It is bound to the refresh token, so a value from another session or from before the last login
 * is worthless.
 *
 * @param refreshTokenHash SHA-256 of the refresh token, in hex
 */
export function antiCsrfTokenFor(refreshTokenHash: string, key: RefreshTokenKey): string {
  return hmacSha256(key.antiCsrfKey, refreshTokenHash).toString('base64url');
}

/**
 * Whether a presented value belongs to a refresh token or to its parent. A page may unload after the browser stored the
 * new cookies, but before the page read the new header. It then comes back with new cookies and the old value, so the
 * parent's value counts. The function never throws.
 *
 * @param presented the client's value, of any type
 * @param key the key of the presented refresh token
 */
export function isAntiCsrfTokenOf(
  presented: unknown,
  claims: Pick<RefreshTokenClaims, 'hash' | 'parentHash'>,
  key: RefreshTokenKey,
): boolean {
  if (typeof presented !== 'string' || presented.length > MAX_TOKEN_LENGTH) return false;
  if (constantTimeEqual(presented, antiCsrfTokenFor(claims.hash, key))) return true;
  return (
    claims.parentHash !== NO_PARENT_HASH &&
    constantTimeEqual(presented, antiCsrfTokenFor(claims.parentHash, key))
  );
}
