import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { headerOf, type HttpRequest } from '../context/http-request.js';
import { SessionCookie, type CookieValues } from './cookies.js';

/** Reads what a request carries; whether it is any good is not judged here. */
@Injectable()
export class TokenReader {
  private readonly accessCookie: SessionCookie;
  private readonly refreshCookie: SessionCookie;

  constructor(@Inject(RESOLVED_SESSION_OPTIONS) options: ResolvedSessionOptions) {
    this.accessCookie = new SessionCookie(options.cookie.accessToken, options.cookie);
    this.refreshCookie = new SessionCookie(options.cookie.refreshToken, options.cookie);
  }

  accessTokenCookies(request: HttpRequest): CookieValues {
    return this.accessCookie.valuesIn(request);
  }

  refreshTokenCookies(request: HttpRequest): CookieValues {
    return this.refreshCookie.valuesIn(request);
  }

  /** The same for each name under which `olderDomain` may have left one, the name that proves most first. */
  refreshTokenCookiesByName(request: HttpRequest): readonly CookieValues[] {
    return this.refreshCookie.valuesByName(request);
  }

  /** The token of `Authorization: Bearer …` (RFC 6750 §2.1); `undefined` where there is none. */
  bearerToken(request: HttpRequest): string | undefined {
    const value = headerOf(request, 'authorization');
    return value?.startsWith('Bearer ') === true ? value.slice('Bearer '.length).trim() : undefined;
  }
}
