import { SessionInputException } from '../../errors/session-input.exception.js';
import type { AccessTokenClaims } from '../../tokens/access-token.js';
import { withoutReservedClaims } from '../../tokens/reserved-claims.js';

// RFC 6265 §6.1: browsers accept a cookie's name and value up to 4096 bytes, and silently drop longer ones.
const MAX_COOKIE_BYTES = 4096;
// A login's token has `null` where the token of its refresh has a hash: 64 digits between quotation marks.
const PARENT_BYTES = 64 + 2 - 'null'.length;

/** An access token and its front token. */
export interface MeasuredTokens {
  readonly accessToken: string;
  readonly claims: Readonly<AccessTokenClaims>;
  readonly frontToken: string;
}

/**
 * Checks that browsers keep the cookies of both tokens, now and after a refresh. Tokens that only fit alone could never
 * be refreshed.
 *
 * @throws {SessionInputException}
 */
export function checkCookieSize(tokens: MeasuredTokens, cookieName: string): void {
  const { accessToken, claims, frontToken } = tokens;
  const growth = claims.parentRefreshTokenHash1 === null ? PARENT_BYTES : 0;
  const length = Math.max(
    accessTokenLength(accessToken, growth),
    frontTokenLength(frontToken, growth),
  );
  const bytes = length + cookieName.length;
  if (bytes <= MAX_COOKIE_BYTES) return;
  throw new SessionInputException(
    'accessTokenPayload',
    `makes a cookie of ${bytes} bytes, but browsers drop cookies of more than ${MAX_COOKIE_BYTES}; ` +
      `the largest claims are ${largestClaims(claims)}. Keep what only the server needs in sessionDataInDatabase`,
  );
}

function accessTokenLength(accessToken: string, growth: number): number {
  const claimsLength = accessToken.lastIndexOf('.') - accessToken.indexOf('.') - 1;
  const bytes = Math.floor((claimsLength * 3) / 4) + growth;
  return accessToken.length - claimsLength + Math.ceil((bytes * 4) / 3);
}

// With padding, unlike the other.
function frontTokenLength(frontToken: string, growth: number): number {
  return Math.ceil((Buffer.byteLength(frontToken, 'base64') + growth) / 3) * 4;
}

function largestClaims(claims: Readonly<AccessTokenClaims>): string {
  return Object.entries(withoutReservedClaims(claims))
    .map(([name, value]) => ({ name, bytes: Buffer.byteLength(JSON.stringify(value) ?? '') }))
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ name, bytes }) => `${name.slice(0, 64)} (${bytes} bytes)`)
    .join(', ');
}
