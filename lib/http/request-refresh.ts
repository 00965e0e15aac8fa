import { Injectable, Inject } from '@nestjs/common';
import type { RefusalReason } from '../errors/refusal-reason.js';
import type { UnauthorizedSessionException } from '../errors/unauthorized-session.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RefreshTokenChooser } from '../session/refresh/refresh-token-chooser.js';
import { SessionContainerFactory } from '../session/container/session-container.factory.js';
import type { SessionContainer } from '../session/container/session-container.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { SessionRefresher } from '../session/refresh/session-refresher.js';
import { checkFlag } from '../session/input/function-arguments.js';
import { isRefreshTokenLike } from '../tokens/refresh-token.js';
import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { deviceOf } from './context/device-reader.js';
import { asHttpRequest, headerOf, type HttpRequest } from './context/http-request.js';
import { areHeadersSent, asHttpResponse } from './context/http-response.js';
import { isCrossSite } from './anti-csrf/fetch-metadata.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { ANTI_CSRF_HEADER, RID_HEADER } from './transport/header-names.js';
import { chooseRefreshToken } from './transport/token-choice.js';
import { TokenReader } from './transport/token-reader.js';
import { TokenWriter } from './transport/token-writer.js';

/** Refreshes the session of a request. */
@Injectable()
export class RequestRefresh {
  constructor(
    private readonly refresher: SessionRefresher,
    private readonly chooser: RefreshTokenChooser,
    private readonly containers: SessionContainerFactory,
    private readonly reader: TokenReader,
    private readonly writer: TokenWriter,
    private readonly antiCsrf: AntiCsrf,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @throws {UnauthorizedSessionException}
   * @throws {TokenTheftDetectedException}
   * @throws {TooManyRequestsException}
   * @throws {SessionStoreUnavailableException}
   */
  async refresh(request: unknown, response: unknown): Promise<SessionContainer> {
    try {
      return await this.refreshWithinLimits(request, response);
    } catch (error) {
      return this.refusals.rethrow('refresh', error);
    }
  }

  private async refreshWithinLimits(
    request: unknown,
    response: unknown,
  ): Promise<SessionContainer> {
    const httpRequest = asHttpRequest(request);
    if (areHeadersSent(asHttpResponse(response))) {
      throw new Error(
        'the response has been sent already, so no new tokens could be attached to it',
      );
    }
    if (!this.limiter.isOn || this.isForeign(httpRequest)) {
      return this.refreshAdmitted(request, response);
    }
    await this.limiter.count('refreshes', request);
    try {
      return await this.refreshAdmitted(request, response);
    } catch (error) {
      await this.limiter.countIfRefused(request, error);
      throw error;
    }
  }

  private async refreshAdmitted(request: unknown, response: unknown): Promise<SessionContainer> {
    const httpRequest = asHttpRequest(request);
    const chosen = chooseRefreshToken(
      this.options.tokenTransferMethod(request, 'refresh'),
      this.reader.bearerToken(httpRequest),
      await this.chooser.choose(this.reader.refreshTokenCookiesByName(httpRequest)),
    );
    if (chosen.kind === 'unusable') throw this.unauthorized('refresh-token-ambiguous');
    if (chosen.kind === 'none') {
      throw this.unauthorized('no-refresh-token', this.isStuck(httpRequest));
    }
    const isCookie = chosen.transferMethod === 'cookie';
    if (isCookie && !this.antiCsrf.isAllowed(httpRequest)) {
      this.antiCsrf.reportFailure('refresh');
      throw this.unauthorized('anti-csrf');
    }
    const issued = await this.refresher.refresh({
      refreshToken: chosen.token,
      withAntiCsrfToken: isCookie && this.antiCsrf.isByToken,
      antiCsrfToken: this.antiCsrf.presentedToken(httpRequest),
      device: deviceOf(httpRequest, this.options),
    });
    this.clearOtherMethod(httpRequest, response, chosen.transferMethod);
    const session = this.containers.issued(issued);
    session.attachToRequestResponse(request, response, chosen.transferMethod);
    return session;
  }

  /** The same for a token that the caller has got by itself. */
  async refreshWithoutRequest(
    refreshToken: string,
    disableAntiCsrf: boolean,
    antiCsrfToken: string | undefined,
  ): Promise<SessionContainer> {
    checkFlag('disableAntiCsrf', disableAntiCsrf);
    const withAntiCsrfToken = this.antiCsrf.isByToken && !disableAntiCsrf;
    const asked = { refreshToken, withAntiCsrfToken, antiCsrfToken };
    const issued = await this.refresher
      .refresh(asked)
      .catch((error: unknown) => this.refusals.rethrow('refresh', error));
    return this.containers.issued(issued);
  }

  // What another site's page can send without a preflight. It is refused at little cost, and is not counted: otherwise the
  // page could use up its visitor's limit.
  private isForeign(request: HttpRequest): boolean {
    if (this.options.antiCsrf === 'NONE' || !isCrossSite(request, this.options)) return false;
    const own = ['authorization', RID_HEADER, ANTI_CSRF_HEADER];
    return own.every((name) => headerOf(request, name) === undefined);
  }

  // An access token without its refresh token would be sent, refused and refreshed in vain for ever. Tokens are removed
  // only for a page of our own: for another site's they would be a way to log the user out.
  private isStuck(request: HttpRequest): boolean {
    return (
      this.reader.accessTokenCookies(request).length > 0 && this.antiCsrf.provesSameOrigin(request)
    );
  }

  // A token of the other method that stays behind would shadow this one at the next request.
  private clearOtherMethod(
    request: HttpRequest,
    response: unknown,
    used: 'cookie' | 'header',
  ): void {
    const httpResponse = asHttpResponse(response);
    const bearer = this.reader.bearerToken(request);
    if (used === 'cookie' && bearer !== undefined && isRefreshTokenLike(bearer)) {
      this.writer.clear(request, httpResponse, 'header');
    } else if (used === 'header' && this.reader.refreshTokenCookies(request).length > 0) {
      this.writer.clear(request, httpResponse, 'cookie');
    }
  }

  private unauthorized(reason: RefusalReason, clearTokens = false): UnauthorizedSessionException {
    return this.refusals.unauthorized(reason, { clearTokens });
  }
}
