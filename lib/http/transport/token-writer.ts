import { Logger, Injectable, Inject } from '@nestjs/common';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { kindOf } from '../../options/option-checks.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { MintedTokens } from '../../session/mint/minted-tokens.js';
import type { TokenCarrier, TokenCarrierFactory } from '../../session/container/token-carrier.js';
import { Clock } from '../../time/clock.js';
import { REGISTRATION_HEADER } from '../../binding/header-text.js';
import { isBoundToDevice } from '../../tokens/access-token.js';
import { FRONT_TOKEN_REMOVE } from '../../tokens/front-token.js';
import { asHttpRequest, type HttpRequest } from '../context/http-request.js';
import {
  addToListHeader,
  areHeadersSent,
  asHttpResponse,
  nodeResponseOf,
  removeHeader,
  setHeader,
  type HttpResponse,
} from '../context/http-response.js';
import { SetupWarnings } from '../setup-warnings.js';
import { SessionCookie } from './cookies.js';
import { keepOutOfCachesFinally } from './no-store.js';
import {
  ACCESS_TOKEN_HEADER,
  ANTI_CSRF_HEADER,
  FRONT_TOKEN_HEADER,
  REFRESH_TOKEN_HEADER,
} from './header-names.js';

/** Writes tokens to responses, by cookie or by header. */
@Injectable()
export class TokenWriter implements TokenCarrierFactory {
  private readonly logger = new Logger('SessionModule');
  private readonly accessCookie: SessionCookie;
  private readonly refreshCookie: SessionCookie;
  private readonly actorCookie: SessionCookie;
  // By the answer, the sessions whose refresh tokens it was given. It brings those of the last one.
  private readonly brought = new WeakMap<object, readonly string[]>();

  constructor(
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
    private readonly clock: Clock,
    private readonly warnings: SetupWarnings,
  ) {
    this.accessCookie = new SessionCookie(options.cookie.accessToken, options.cookie);
    this.refreshCookie = new SessionCookie(options.cookie.refreshToken, options.cookie);
    this.actorCookie = new SessionCookie(options.cookie.actorToken, options.cookie);
  }

  carrierFor(
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header',
  ): TokenCarrier {
    if (transferMethod !== 'cookie' && transferMethod !== 'header') {
      const kind = kindOf(transferMethod);
      throw new SessionInputException(
        'transferMethod',
        `must be 'cookie' or 'header', not ${kind}`,
      );
    }
    return new ResponseCarrier(
      this,
      asHttpRequest(request),
      asHttpResponse(response),
      transferMethod,
    );
  }

  /** Gives the client its new tokens. */
  write(
    request: HttpRequest,
    response: HttpResponse,
    tokens: MintedTokens,
    transferMethod: 'cookie' | 'header',
  ): void {
    if (areHeadersSent(response)) return this.reportTooLate();
    const { sessionHandle } = tokens.claims;
    const brought = this.broughtBy(response);
    if (tokens.refreshToken !== undefined && !brought.includes(sessionHandle)) {
      this.brought.set(nodeResponseOf(response), [...brought, sessionHandle]);
    }
    if (this.bringsAnother(response, sessionHandle)) return;
    if (transferMethod === 'cookie') this.writeCookies(request, response, tokens);
    else this.writeHeaders(response, tokens);
  }

  /** Whether an answer already brings another session than this one. Nobody else has those tokens, so they stay. */
  bringsAnother(response: HttpResponse, sessionHandle: string | undefined): boolean {
    const last = this.broughtBy(response).at(-1);
    return last !== undefined && sessionHandle !== undefined && last !== sessionHandle;
  }

  private broughtBy(response: HttpResponse): readonly string[] {
    return this.brought.get(nodeResponseOf(response)) ?? [];
  }

  /** The cookie that a browser binds, as in the answer to this request; `undefined` if it is not Secure. */
  boundCookieFor(request: HttpRequest): { name: string; attributes: string } | undefined {
    return this.accessCookie.secureDescriptionFor(request);
  }

  /** Removes every token from the client, in cookies and in headers. */
  clearAll(request: HttpRequest, response: HttpResponse): void {
    this.clear(request, response, 'cookie');
    this.clear(request, response, 'header');
  }

  /** Removes the other cookies of our names, where the request shows several of one. */
  clearOtherPaths(request: HttpRequest, response: HttpResponse): void {
    this.accessCookie.clearOtherPaths(request, response);
    this.refreshCookie.clearOtherPaths(request, response);
    this.actorCookie.clearOtherPaths(request, response);
  }

  /** Removes the tokens of one method from the client. */
  clear(request: HttpRequest, response: HttpResponse, transferMethod: 'cookie' | 'header'): void {
    if (areHeadersSent(response)) return this.reportTooLate();
    if (transferMethod === 'cookie') {
      this.accessCookie.clear(request, response);
      this.refreshCookie.clear(request, response);
      removeHeader(response, REGISTRATION_HEADER);
    } else {
      exposeHeader(response, ACCESS_TOKEN_HEADER, '');
      exposeHeader(response, REFRESH_TOKEN_HEADER, '');
    }
    removeHeader(response, ANTI_CSRF_HEADER);
    exposeHeader(response, FRONT_TOKEN_HEADER, FRONT_TOKEN_REMOVE);
    keepOutOfCachesFinally(response);
  }

  /** Removes the access token's cookie alone, so that the browser of a bound session proves its key. */
  clearAccessCookie(request: HttpRequest, response: HttpResponse): void {
    if (!areHeadersSent(response)) this.accessCookie.clear(request, response);
  }

  /** Removes the tokens of the method that an answer does not use, if the request carries any. */
  clearOther(
    request: HttpRequest,
    response: HttpResponse,
    used: 'cookie' | 'header',
    shows: { readonly header: boolean; readonly cookie: boolean },
  ): void {
    const other = used === 'cookie' ? 'header' : 'cookie';
    if (shows[other]) this.clear(request, response, other);
  }

  /** Keeps the waiting refresh token of a user who acts as somebody else from now on. */
  keepActorToken(
    request: HttpRequest,
    response: HttpResponse,
    token: string,
    expiresAtMs: number | undefined,
  ): void {
    this.actorCookie.set(request, response, token, expiresAtMs, this.clock.now());
  }

  /** Removes it from the client, if the request carries it. */
  forgetActorToken(request: HttpRequest, response: HttpResponse): void {
    if (this.actorCookie.valuesByName(request).length === 0) return;
    this.actorCookie.clear(request, response);
  }

  // A handler's change after the beginning of its answer is in the database, and the client gets it with its next
  // refresh.
  private reportTooLate(): void {
    this.logger.error(
      'A session was changed after its answer had begun, so the client does not know: change it before the first byte is sent',
    );
  }

  private writeCookies(request: HttpRequest, response: HttpResponse, tokens: MintedTokens): void {
    this.warnings.ofCookiesFor(request);
    const nowMs = this.clock.now();
    const expiresAtMs = tokens.persistent ? tokens.sessionExpiresAtMs : undefined;
    // Both cookies live as long as the session: an expired access token must still arrive, so that the answer can be
    // "refresh".
    const accessEndsAtMs = isBoundToDevice(tokens.claims)
      ? boundCookieEndsAtMs(tokens.claims.exp, nowMs)
      : expiresAtMs;
    this.accessCookie.set(request, response, tokens.accessToken, accessEndsAtMs, nowMs);
    if (tokens.refreshToken !== undefined) {
      this.refreshCookie.set(request, response, tokens.refreshToken, expiresAtMs, nowMs);
    }
    if (this.options.exposeAccessTokenToFrontendInCookieBasedAuth) {
      exposeHeader(response, ACCESS_TOKEN_HEADER, tokens.accessToken);
    }
    exposeHeader(response, FRONT_TOKEN_HEADER, tokens.frontToken);
    if (tokens.antiCsrfToken !== undefined) {
      exposeHeader(response, ANTI_CSRF_HEADER, tokens.antiCsrfToken);
    }
    keepOutOfCachesFinally(response);
  }

  private writeHeaders(response: HttpResponse, tokens: MintedTokens): void {
    exposeHeader(response, ACCESS_TOKEN_HEADER, tokens.accessToken);
    if (tokens.refreshToken !== undefined) {
      exposeHeader(response, REFRESH_TOKEN_HEADER, tokens.refreshToken);
    }
    exposeHeader(response, FRONT_TOKEN_HEADER, tokens.frontToken);
    keepOutOfCachesFinally(response);
  }
}

// A browser refreshes a bound session without the page once its cookie is gone, and sends the cookie until then. In
// whole seconds, the cookie must not outlive its token.
function boundCookieEndsAtMs(expirySeconds: number, nowMs: number): number {
  return nowMs + Math.floor((expirySeconds * 1000 - nowMs) / 1000) * 1000;
}

class ResponseCarrier implements TokenCarrier {
  constructor(
    private readonly writer: TokenWriter,
    private readonly request: HttpRequest,
    private readonly response: HttpResponse,
    private readonly transferMethod: 'cookie' | 'header',
  ) {}

  get isTooLate(): boolean {
    return areHeadersSent(this.response);
  }

  writeTokens(tokens: MintedTokens): void {
    this.writer.write(this.request, this.response, tokens, this.transferMethod);
  }

  clearTokens(sessionHandle: string): void {
    if (this.writer.bringsAnother(this.response, sessionHandle)) return;
    this.writer.clear(this.request, this.response, this.transferMethod);
  }
}

// A page on another origin can only read the headers named here (Fetch standard, CORS protocol).
function exposeHeader(response: HttpResponse, name: string, value: string): void {
  setHeader(response, name, value);
  addToListHeader(response, 'access-control-expose-headers', [name]);
}
