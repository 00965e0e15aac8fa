import { isRefreshTokenLike } from '../../tokens/refresh-token.js';
import { accessTokenKid } from '../../tokens/access-token.js';
import type { TokenTransferMethod } from '../../options/session-module-options.js';
import type { CookieValues } from './cookies.js';

/** Which token of a request counts. */
export type ChosenToken =
  | { readonly kind: 'token'; readonly token: string; readonly transferMethod: 'cookie' | 'header' }
  /** There is something under our cookie's name, but nothing that can be trusted to be the one token. */
  | { readonly kind: 'unusable' }
  | { readonly kind: 'none' };

/**
 * Chooses by what the server allows: a header of ours goes before a cookie, and what is no token of ours in
 * `Authorization` belongs to the application and is ignored (SuperTokens' order of precedence).
 *
 * @param isAccessToken whether a text looks like one of our access tokens
 */
export function chooseAccessToken(
  allowed: TokenTransferMethod,
  bearer: string | undefined,
  cookies: CookieValues,
  isAccessToken = looksLikeAccessToken,
): ChosenToken {
  if (allowed !== 'cookie' && bearer !== undefined && isAccessToken(bearer)) {
    return { kind: 'token', token: bearer, transferMethod: 'header' };
  }
  if (allowed === 'header' || !hasValue(cookies)) return { kind: 'none' };
  const cookie = onlyValue(cookies);
  if (cookie === undefined || !isAccessToken(cookie)) return { kind: 'unusable' };
  return { kind: 'token', token: cookie, transferMethod: 'cookie' };
}

/** The same for refresh tokens; a foreign `Authorization` does not stand in the way of a cookie. */
export function chooseRefreshToken(
  allowed: TokenTransferMethod,
  bearer: string | undefined,
  cookies: CookieValues,
): ChosenToken {
  const hasCookie = allowed !== 'header' && hasValue(cookies);
  if (allowed !== 'cookie' && bearer !== undefined && (!hasCookie || isRefreshTokenLike(bearer))) {
    return { kind: 'token', token: bearer, transferMethod: 'header' };
  }
  if (!hasCookie) return { kind: 'none' };
  const cookie = onlyValue(cookies);
  if (cookie === undefined) return { kind: 'unusable' };
  return { kind: 'token', token: cookie, transferMethod: 'cookie' };
}

function looksLikeAccessToken(text: string): boolean {
  return accessTokenKid(text) !== undefined;
}

function hasValue(cookies: CookieValues): boolean {
  return cookies.some((value) => value !== '');
}

// Two cookies of one name: one may be planted by a sibling host, and which, be it the empty one, is not to be guessed.
function onlyValue(cookies: CookieValues): string | undefined {
  return cookies.length === 1 ? cookies[0] : undefined;
}
