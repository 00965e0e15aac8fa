import { Inject, Injectable } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RefreshTokenAuthenticator } from '../session/refresh/refresh-token-authenticator.js';
import type { HttpRequest } from './context/http-request.js';
import { areHeadersSent, type HttpResponse } from './context/http-response.js';
import { RequestTokens } from './request-tokens.js';
import { SessionCookie } from './transport/cookies.js';
import type { AuthenticValue, ShownValue } from './transport/shown-values.js';

/** A session that a token of the request names. */
export interface NamedSession {
  readonly handle: string;
  /** The session of the person who acts in it; null if nobody does. A refresh token does not say. */
  readonly actorHandle?: string | null | undefined;
}

/** The former tokens of a request that our keys have made. */
export interface FormerTokens {
  readonly sessions: readonly NamedSession[];
  readonly cookies: readonly { readonly cookie: SessionCookie; readonly name: string }[];
}

/**
 * Finds tokens under names that other cookie options have given them, with a weaker prefix than now. Such a token logs
 * nobody in and proves nothing, because a sibling host could have set it. It can only be ended and removed, which harms
 * nobody else, whoever has set it.
 */
@Injectable()
export class RequestFormerTokens {
  private readonly accessCookie: SessionCookie;
  private readonly refreshCookies: readonly SessionCookie[];

  constructor(
    private readonly tokens: RequestTokens,
    private readonly authenticator: RefreshTokenAuthenticator,
    @Inject(RESOLVED_SESSION_OPTIONS) { cookie }: ResolvedSessionOptions,
  ) {
    this.accessCookie = new SessionCookie(cookie.accessToken, cookie);
    this.refreshCookies = [cookie.refreshToken, cookie.actorToken].map(
      (each) => new SessionCookie(each, cookie),
    );
  }

  async of(request: HttpRequest): Promise<FormerTokens> {
    const found: FormerTokens[] = [];
    const inAccessCookie = shownIn(this.accessCookie, request);
    if (inAccessCookie.length > 0) {
      const { authentic } = await this.tokens.formerAccess(inAccessCookie);
      const actorOf = ({ token }: (typeof authentic)[number]) => token.claims.act?.sid ?? null;
      found.push(formerTokens(this.accessCookie, authentic, actorOf));
    }
    for (const cookie of this.refreshCookies) {
      const shown = shownIn(cookie, request);
      if (shown.length === 0) continue;
      const { authentic } = await this.tokens.judge(shown, this.authenticator, () => false);
      found.push(formerTokens(cookie, authentic, () => undefined));
    }
    return {
      sessions: found.flatMap(({ sessions }) => sessions),
      cookies: found.flatMap(({ cookies }) => cookies),
    };
  }

  /** Removes their cookies from the client. */
  remove({ cookies }: FormerTokens, request: HttpRequest, response: HttpResponse): void {
    if (areHeadersSent(response)) return;
    for (const { cookie, name } of cookies) cookie.remove(request, response, name);
  }
}

function shownIn(cookie: SessionCookie, request: HttpRequest): ShownValue[] {
  return cookie
    .uncountedValues(request)
    .flatMap(([name, values]) => values.map((text) => ({ text, cookie: name })));
}

function formerTokens<T extends { readonly claims: { readonly sessionHandle: string } }>(
  cookie: SessionCookie,
  authentic: readonly AuthenticValue<T>[],
  actorOf: (value: AuthenticValue<T>) => string | null | undefined,
): FormerTokens {
  const names = new Set(authentic.map((value) => value.cookie));
  return {
    sessions: authentic.map((value) => ({
      handle: value.token.claims.sessionHandle,
      actorHandle: actorOf(value),
    })),
    cookies: [...names].filter((name) => name !== undefined).map((name) => ({ cookie, name })),
  };
}
