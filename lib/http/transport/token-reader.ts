import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../../options/resolved-options.js';
import type { TokenTransferMethod } from '../../options/session-module-options.js';
import { headerOf, type HttpRequest } from '../context/http-request.js';
import type { CookieValues } from './cookie-values.js';
import { SessionCookie } from './cookies.js';
import type { ShownValue } from './shown-values.js';

const SCHEME = 'bearer ';

/** Reads the tokens of a request, without judging them. */
@Injectable()
export class TokenReader {
  private readonly accessCookie: SessionCookie;
  private readonly refreshCookie: SessionCookie;
  private readonly actorCookie: SessionCookie;

  constructor(@Inject(RESOLVED_SESSION_OPTIONS) options: ResolvedVerificationOptions) {
    this.accessCookie = new SessionCookie(options.cookie.accessToken, options.cookie);
    this.refreshCookie = new SessionCookie(options.cookie.refreshToken, options.cookie);
    this.actorCookie = new SessionCookie(options.cookie.actorToken, options.cookie);
  }

  /** The values under the first name of the access token's cookie that has any. */
  accessTokenCookies(request: HttpRequest): CookieValues {
    return this.accessCookie.valuesIn(request);
  }

  refreshTokenCookies(request: HttpRequest): CookieValues {
    return this.refreshCookie.valuesIn(request);
  }

  /** The waiting refresh tokens of users who act as somebody else. */
  actorTokens(request: HttpRequest): readonly ShownValue[] {
    return this.shown(request, 'cookie', this.actorCookie);
  }

  /** Everything that may be an access token: the header first, then the cookies, the name of the options first. */
  accessTokens(request: HttpRequest, allowed: TokenTransferMethod): readonly ShownValue[] {
    return this.shown(request, allowed, this.accessCookie);
  }

  /** The same for refresh tokens. */
  refreshTokens(request: HttpRequest, allowed: TokenTransferMethod): readonly ShownValue[] {
    return this.shown(request, allowed, this.refreshCookie);
  }

  /** The token of `Authorization: Bearer …` (RFC 6750 §2.1). The scheme is case-insensitive (RFC 9110 §11.1). */
  bearerToken(request: HttpRequest): string | undefined {
    const value = headerOf(request, 'authorization');
    if (value?.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
    return value.slice(SCHEME.length).trim();
  }

  private shown(
    request: HttpRequest,
    allowed: TokenTransferMethod,
    cookie: SessionCookie,
  ): readonly ShownValue[] {
    const shown: ShownValue[] = [];
    const bearer = allowed === 'cookie' ? undefined : this.bearerToken(request);
    if (bearer !== undefined && bearer !== '') shown.push({ text: bearer, cookie: undefined });
    if (allowed === 'header') return shown;
    for (const [name, values] of cookie.valuesByName(request)) {
      for (const text of values) if (text !== '') shown.push({ text, cookie: name });
    }
    return shown;
  }
}
