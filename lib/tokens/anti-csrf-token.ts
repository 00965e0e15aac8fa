import { NO_PARENT_HASH, type RefreshTokenClaims, type RefreshTokenKey } from './refresh-token.js';
import { constantTimeEqual, hmacSha256 } from './secrets.js';

const MAX_TOKEN_LENGTH = 256;

/** 32 bytes in base64url. */
export const ANTI_CSRF_TOKEN_LENGTH = 43;

/**
 * The anti-CSRF token that belongs to a refresh token: base64url characters. It is derived and never stored, so
 * that the database holds none, and bound to the refresh token, so that a value from another session or from before
 * the last login is worth nothing.
 *
 * @param refreshTokenHash SHA-256 of the refresh token, in hex
 */
export function antiCsrfTokenFor(refreshTokenHash: string, key: RefreshTokenKey): string {
  return hmacSha256(key.antiCsrfKey, refreshTokenHash).toString('base64url');
}

/**
 * Whether a presented value belongs to a refresh token or to its parent. The parent's counts because a page may unload
 * after the browser has kept the new cookies and before it has read the new header: it then comes back with new
 * cookies and the former value.
 *
 * @param presented what the client sent, of any type; never throws
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
