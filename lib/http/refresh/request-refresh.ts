import { Injectable, Inject, Logger } from '@nestjs/common';
import { DeviceProofMissingException } from '../../errors/device-proof-missing.exception.js';
import type { RefusalReason } from '../../errors/refusal-reason.js';
import { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { TokenTransferMethod } from '../../options/session-module-options.js';
import { RefreshTokenChooser } from '../../session/refresh/refresh-token-chooser.js';
import { SessionContainerFactory } from '../../session/container/session-container.factory.js';
import type { SessionContainer } from '../../session/container/session-container.js';
import {
  STALE_CLAIMS_POLICY,
  type StaleClaimsPolicy,
} from '../../session/container/stale-claims-policy.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { SessionRefresher } from '../../session/refresh/session-refresher.js';
import { TokenTheft } from '../../session/refresh/token-theft.js';
import { checkFlag } from '../../session/input/function-arguments.js';
import {
  RefreshTokenAuthenticator,
  type AuthenticRefreshToken,
} from '../../session/refresh/refresh-token-authenticator.js';
import { SessionVerifier } from '../../session/verify/session-verifier.js';
import type { AccessTokenClaims } from '../../tokens/access-token.js';
import { isRefreshTokenLike } from '../../tokens/refresh-token.js';
import { AntiCsrf } from '../anti-csrf/anti-csrf.js';
import { deviceOf } from '../context/device-reader.js';
import { asHttpRequest, type HttpRequest } from '../context/http-request.js';
import { areHeadersSent, asHttpResponse } from '../context/http-response.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestRefreshTokens } from './request-refresh-tokens.js';
import { RequestTokens } from '../request-tokens.js';
import { SetupWarnings } from '../setup-warnings.js';
import { byPlace, transferMethodOf, type JudgedValues } from '../transport/shown-values.js';
import { TokenReader } from '../transport/token-reader.js';
import { TokenWriter } from '../transport/token-writer.js';

/** Refreshes the session of a request. */
@Injectable()
export class RequestRefresh {
  private readonly logger = new Logger('SessionModule');

  constructor(
    private readonly refresher: SessionRefresher,
    private readonly theft: TokenTheft,
    private readonly tokens: RequestTokens,
    private readonly refreshTokens: RequestRefreshTokens,
    private readonly verifier: SessionVerifier,
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly chooser: RefreshTokenChooser,
    private readonly warnings: SetupWarnings,
    private readonly containers: SessionContainerFactory,
    private readonly reader: TokenReader,
    private readonly writer: TokenWriter,
    private readonly antiCsrf: AntiCsrf,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    @Inject(STALE_CLAIMS_POLICY) private readonly staleClaims: StaleClaimsPolicy<SessionContainer>,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @throws {UnauthorizedSessionException}
   * @throws {SessionReplacedException}
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
      throw new Error('the response has already been sent, so no new tokens can be attached to it');
    }
    let judged: Promise<JudgedValues<AuthenticRefreshToken>> | undefined;
    const judge = () => (judged ??= this.refreshTokens.of(httpRequest, this.allowed(request)));
    const refresh = async () => this.refreshAdmitted(request, response, await judge());
    if (!this.limiter.isOn || this.antiCsrf.isForeign(httpRequest) || this.showsNone(httpRequest)) {
      return refresh();
    }
    const showsOurs = async () => (await judge()).authentic.length > 0;
    return this.limiter.aroundRefresh(request, refresh, showsOurs);
  }

  private async refreshAdmitted(
    request: unknown,
    response: unknown,
    judged: JudgedValues<AuthenticRefreshToken>,
  ): Promise<SessionContainer> {
    const httpRequest = asHttpRequest(request);
    const { token, transferMethod } = await this.tokenOf(httpRequest, judged);
    const issued = await this.refresher
      .refresh({
        refreshToken: token,
        withAntiCsrfToken: transferMethod === 'cookie' && this.antiCsrf.isByToken,
        antiCsrfToken: this.antiCsrf.presentedToken(httpRequest),
        device: deviceOf(httpRequest, this.options),
        isInHeader: transferMethod === 'header',
        goodAccessToken: async (handle) =>
          (await this.goodAccessTokens(httpRequest)).find((each) => each.sessionHandle === handle),
      })
      .catch((error: unknown) => this.refuse(error, httpRequest, response));
    const bearer = this.reader.bearerToken(httpRequest);
    // Otherwise a token of the other method would shadow this one at the next request.
    this.writer.clearOther(httpRequest, asHttpResponse(response), transferMethod, {
      header: bearer !== undefined && isRefreshTokenLike(bearer),
      cookie: this.reader.refreshTokenCookies(httpRequest).length > 0,
    });
    const session = this.containers.issued(issued);
    session.attachToRequestResponse(request, response, transferMethod);
    await this.renewClaims(session);
    return session;
  }

  private async goodAccessTokens(request: HttpRequest): Promise<Readonly<AccessTokenClaims>[]> {
    const { authentic } = await this.tokens.access(request, 'cookie');
    const good = authentic.filter(({ token }) => this.verifier.isGood(token));
    return good.map(({ token }) => token.claims);
  }

  // The browser of a bound session proves its key once its access cookie is gone. One that is good for nothing, as after
  // `revokeKey`, would keep it from that.
  private async refuse(error: unknown, request: HttpRequest, response: unknown): Promise<never> {
    const mayBeStuck = error instanceof DeviceProofMissingException && this.isStuck(request);
    if (mayBeStuck && (await this.goodAccessTokens(request)).length === 0) {
      this.writer.clearAccessCookie(request, asHttpResponse(response));
    }
    throw error;
  }

  // Cookies that another site's page may have sent are ignored before any query.
  private async tokenOf(
    request: HttpRequest,
    judged: JudgedValues<AuthenticRefreshToken>,
  ): Promise<{ token: AuthenticRefreshToken; transferMethod: 'cookie' | 'header' }> {
    const isAllowed = this.antiCsrf.isAllowed(request);
    const usable = judged.authentic.filter(({ cookie }) => cookie === undefined || isAllowed);
    if (usable.length === 0) throw this.refusalOf(request, judged, isAllowed);
    const places = byPlace(usable).map((values) => values.map(({ token }) => token));
    const waiting = await this.refreshTokens.actors(request);
    const { token, spentBeside } = await this.chooser.choose(places, waiting);
    // Otherwise a good token of a thief's own would let them test stolen ones in silence.
    if (this.antiCsrf.isProvenByOne(request, usable)) await this.theft.endBeside(spentBeside);
    const value = usable.find((each) => each.token === token);
    if (value === undefined) {
      const several = byPlace(usable).find((place) => place.length > 1)?.[0]?.cookie;
      if (several !== undefined) this.warnings.ofTwoSessions(several);
      throw this.unauthorized('refresh-token-ambiguous');
    }
    return { token: value.token, transferMethod: transferMethodOf(value) };
  }

  private refusalOf(
    request: HttpRequest,
    { authentic, unknown, strays }: JudgedValues<AuthenticRefreshToken>,
    isAllowed: boolean,
  ): Error {
    const shown = [...authentic, ...unknown, ...strays];
    if (!isAllowed && shown.some(({ cookie }) => cookie !== undefined)) {
      this.antiCsrf.reportFailure('refresh');
      return this.unauthorized('anti-csrf');
    }
    // A token with an unknown key may come from a brand-new one, so nothing is proven.
    const clearTokens = unknown.length === 0 && this.isStuck(request);
    if (shown.length === 0) return this.unauthorized('no-refresh-token', clearTokens);
    const texts = shown.map(({ text }) => text);
    return this.authenticator.refusal(texts, { clearTokens });
  }

  /** The same for a token that the caller has found itself. */
  async refreshWithoutRequest(
    refreshToken: string,
    disableAntiCsrf: boolean,
    antiCsrfToken: string | undefined,
  ): Promise<SessionContainer> {
    checkFlag('disableAntiCsrf', disableAntiCsrf);
    const withAntiCsrfToken = this.antiCsrf.isByToken && !disableAntiCsrf;
    const issued = await this.authenticator
      .expect(refreshToken)
      .then((token) =>
        this.refresher.refresh({ refreshToken: token, withAntiCsrfToken, antiCsrfToken }),
      )
      .catch((error: unknown) => this.refusals.rethrow('refresh', error));
    const session = this.containers.issued(issued);
    await this.renewClaims(session);
    return session;
  }

  // Clients of services without a database come only here. A claim that can't be fetched now stays stale, and the
  // session continues.
  private async renewClaims(session: SessionContainer): Promise<void> {
    await this.staleClaims.renewIn(session).catch((error: unknown) => {
      if (error instanceof UnauthorizedSessionException) throw error;
      this.logger.warn('Stale claims could not be fetched at a refresh; they stay stale');
    });
  }

  // A first visit asks once for a refresh (SuperTokens' SDK). Without any token, that is not a guess.
  private showsNone(request: HttpRequest): boolean {
    return this.reader.refreshTokens(request, this.allowed(request)).length === 0;
  }

  private allowed(request: unknown): TokenTransferMethod {
    return this.options.tokenTransferMethod(request, 'refresh');
  }

  // An access token that no refresh replaces would be sent, refused and refreshed in vain forever. Its removal is
  // limited to our own pages, because another site's page could otherwise log the user out.
  private isStuck(request: HttpRequest): boolean {
    return (
      this.reader.accessTokenCookies(request).length > 0 && this.antiCsrf.provesOwnPage(request)
    );
  }

  private unauthorized(reason: RefusalReason, clearTokens = false): UnauthorizedSessionException {
    return this.refusals.unauthorized(reason, { clearTokens });
  }
}
