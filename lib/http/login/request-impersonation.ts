import { Inject, Injectable } from '@nestjs/common';
import { SessionInputException } from '../../errors/session-input.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { TokenTransferMethod } from '../../options/session-module-options.js';
import type { SessionContainer } from '../../session/container/session-container.js';
import { SessionContainerFactory } from '../../session/container/session-container.factory.js';
import { SessionRevoker } from '../../session/end/session-revoker.js';
import { SessionImpersonator } from '../../session/issue/session-impersonator.js';
import {
  RefreshTokenAuthenticator,
  type AuthenticRefreshToken,
} from '../../session/refresh/refresh-token-authenticator.js';
import { SessionRefresher } from '../../session/refresh/session-refresher.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { antiCsrfTokenFor } from '../../tokens/anti-csrf-token.js';
import { AntiCsrf } from '../anti-csrf/anti-csrf.js';
import { deviceOf } from '../context/device-reader.js';
import { asHttpRequest, type HttpRequest } from '../context/http-request.js';
import { asHttpResponse } from '../context/http-response.js';
import { endingOwnSession, rememberedSession, rememberIssued } from '../current-session.js';
import { checkImpersonateOptions } from './impersonation-options.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';
import { RefreshTokenChooser } from '../../session/refresh/refresh-token-chooser.js';
import { RequestSignOut } from '../request-sign-out.js';
import { RequestRefreshTokens } from '../refresh/request-refresh-tokens.js';
import { RequestTokens } from '../request-tokens.js';
import { RequestVerification } from '../verify/request-verification.js';
import { TokenReader } from '../transport/token-reader.js';
import { TokenWriter } from '../transport/token-writer.js';

const BOUND_ACTOR =
  'must not be a session that is bound to a device: log in with tokens in headers, or in a browser that binds none';

interface Waiting {
  readonly token: AuthenticRefreshToken;
  readonly transferMethod: 'cookie' | 'header';
}

/**
 * Lets a user act as another, and become themselves again. Until then, their refresh token waits: at the client in
 * header mode, otherwise in its own cookie. An access token brings nobody back.
 */
@Injectable()
export class RequestImpersonation {
  constructor(
    private readonly login: RequestLogin,
    private readonly signOut: RequestSignOut,
    private readonly verification: RequestVerification,
    private readonly impersonator: SessionImpersonator,
    private readonly tokens: RequestRefreshTokens,
    private readonly accessTokens: RequestTokens,
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly refresher: SessionRefresher,
    private readonly revoker: SessionRevoker,
    private readonly containers: SessionContainerFactory,
    private readonly reader: TokenReader,
    private readonly writer: TokenWriter,
    private readonly antiCsrf: AntiCsrf,
    private readonly limiter: RateLimiter,
    private readonly chooser: RefreshTokenChooser,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @throws {SessionInputException} {CrossSiteRequestException}
   * @throws {InvalidClaimsException} if the actor already acts as somebody else
   * @throws {UnauthorizedSessionException} if the actor's session is over, or the request lacks its refresh token
   */
  async begin(request: unknown, response: unknown, how: unknown): Promise<SessionContainer> {
    try {
      const ofRequest = () => rememberedSession(asHttpRequest(request), this.verification)?.session;
      const { actor, actorHandle, ...asked } = checkImpersonateOptions(how, ofRequest);
      if (actor.getActor() !== undefined) throw this.refusals.impersonated(actor);
      if (actor.isBound()) {
        throw new SessionInputException('actor', BOUND_ACTOR);
      }
      this.login.refuseCrossSiteLogin(request, false, true);
      const httpRequest = asHttpRequest(request);
      const transferMethod = (await this.verification.transferMethodOf(request)) ?? 'header';
      const own = await this.impersonator.findActor(actorHandle);
      if (own === undefined)
        throw this.refusals.unauthorized('session-over', { clearTokens: false });
      const waiting =
        transferMethod === 'cookie'
          ? this.impersonator.waitingToken(own, await this.tokenOf(httpRequest, actorHandle))
          : undefined;
      // No device needs to keep a session that ends soon, and is not its user's.
      const session = await this.login.attach(
        request,
        response,
        transferMethod,
        (by) => this.impersonator.begin(own, asked, by),
        false,
      );
      if (waiting !== undefined) {
        const expiresAtMs = own.persistent ? own.expiresAtMs : undefined;
        const httpResponse = asHttpResponse(response);
        this.writer.keepActorToken(httpRequest, httpResponse, await waiting(), expiresAtMs);
      }
      return session;
    } catch (error) {
      return this.refusals.rethrow('login', error);
    }
  }

  // An access token alone must not yield a refresh token here.
  private async tokenOf(request: HttpRequest, handle: string): Promise<AuthenticRefreshToken> {
    const newest = await this.tokens.newestInCookie(request, handle);
    if (newest !== undefined) return newest;
    throw this.refusals.unauthorized('no-refresh-token', { clearTokens: false });
  }

  /**
   * @throws {UnauthorizedSessionException} if the request lacks an actor's refresh token or shows those of several
   * sessions, another site's page may have sent it, or the actor's session is over
   * @throws {TokenTheftDetectedException} {TooManyRequestsException} as at a refresh
   */
  async end(request: unknown, response: unknown): Promise<SessionContainer> {
    try {
      const httpRequest = asHttpRequest(request);
      const comeBack = () => this.comeBack(httpRequest, request, response);
      const acting = rememberedSession(httpRequest, this.verification)?.session;
      // Also if the same request has come to another instance, which has ended it.
      return await endingOwnSession(
        request,
        () => this.withinLimits(httpRequest, comeBack),
        (own) =>
          acting?.getActor()?.sessionHandle === own.getHandle() ? [acting.getHandle()] : [],
      );
    } catch (error) {
      return this.refusals.rethrow('refresh', error);
    }
  }

  // Anyone with a refresh token can ask this, so it is limited as a refresh.
  private withinLimits<T>(request: HttpRequest, comeBack: () => Promise<T>): Promise<T> {
    const allowed = this.allowed(request);
    const bearer = allowed === 'cookie' ? undefined : this.reader.bearerToken(request);
    const inCookie = allowed === 'header' ? [] : this.reader.actorTokens(request);
    const showsNone = bearer === undefined && inCookie.length === 0;
    if (!this.limiter.isOn || showsNone || this.antiCsrf.isForeign(request)) return comeBack();
    const showsOurs = async (): Promise<boolean> => {
      if (inCookie.length > 0 && (await this.tokens.actors(request)).length > 0) return true;
      return (await this.authenticator.authenticate(bearer ?? '')) !== undefined;
    };
    return this.limiter.aroundRefresh(request, comeBack, showsOurs);
  }

  private async comeBack(
    httpRequest: HttpRequest,
    request: unknown,
    response: unknown,
  ): Promise<SessionContainer> {
    const httpResponse = asHttpResponse(response);
    const { token, transferMethod } = await this.waitingOf(httpRequest);
    const judged = await this.chooser.judge(token);
    // Nobody acts from this session, or it is the one in which somebody does. A spent token is theft at the refresh.
    if (judged?.isSpent === false && judged.session.impersonating === null) {
      throw this.refusals.unauthorized('no-refresh-token', { clearTokens: false });
    }
    if (judged?.isSpent && transferMethod === 'cookie' && (await this.isBack(httpRequest, token))) {
      throw this.refusals.unauthorized('refresh-token-invalid', { clearTokens: false });
    }
    const withAntiCsrfToken = transferMethod === 'cookie' && this.antiCsrf.isByToken;
    const issued = await this.refresher.refresh({
      refreshToken: token,
      withAntiCsrfToken,
      hasWaited: transferMethod === 'cookie',
      isInHeader: transferMethod === 'header',
      // The page holds the value of the session in which its user acts, which proved the request.
      antiCsrfToken: withAntiCsrfToken ? antiCsrfTokenFor(token.claims.hash, token.key) : undefined,
      device: deviceOf(httpRequest, this.options),
    });
    const { impersonating, userId } = issued.record;
    if (impersonating !== null) {
      const ending = { reason: 'impersonation-ended', detail: userId } as const;
      await this.revoker.revoke([impersonating], ending);
    }
    this.writer.forgetActorToken(httpRequest, httpResponse);
    // Without a new token, the waiting one becomes the client's again.
    const refreshToken = issued.tokens.refreshToken ?? token.text;
    const session = this.containers.issued({ tokens: { ...issued.tokens, refreshToken } });
    session.attachToRequestResponse(request, response, transferMethod);
    rememberIssued(request, this.verification, session);
    return session;
  }

  // A refresh that crossed with the beginning can bring the actor's own session into the browser again. Tabs then leave
  // the waiting token behind. A good token beside it is no test of stolen ones: its holder has the session anyway.
  private async isBack(request: HttpRequest, { claims }: AuthenticRefreshToken): Promise<boolean> {
    const own = await this.tokens.newestInCookie(request, claims.sessionHandle);
    return own !== undefined && (await this.chooser.judge(own))?.isSpent === false;
  }

  private async waitingOf(request: HttpRequest): Promise<Waiting> {
    const allowed = this.allowed(request);
    const inCookie = allowed === 'header' ? undefined : await this.waitingInCookie(request);
    if (inCookie !== undefined) {
      if (await this.signOut.isProven(request)) {
        return { token: inCookie, transferMethod: 'cookie' };
      }
      this.antiCsrf.reportFailure('refresh');
      throw this.refusals.unauthorized('anti-csrf', { clearTokens: false });
    }
    const bearer = allowed === 'cookie' ? undefined : this.reader.bearerToken(request);
    if (bearer === undefined) {
      throw this.refusals.unauthorized('no-refresh-token', { clearTokens: false });
    }
    return { token: await this.authenticator.expect(bearer), transferMethod: 'header' };
  }

  private allowed(request: HttpRequest): TokenTransferMethod {
    return this.options.tokenTransferMethod(request, 'refresh');
  }

  // A sibling host may have planted another one, but the access token names the actor's own session.
  private async waitingInCookie(request: HttpRequest): Promise<AuthenticRefreshToken | undefined> {
    const waiting = await this.tokens.actors(request);
    if (waiting.length === 0) return undefined;
    const { authentic } = await this.accessTokens.access(request, 'cookie');
    const named = new Set(authentic.flatMap(({ token }) => token.claims.act?.sid ?? []));
    const [newest, ...others] = waiting
      .filter(({ claims }) => named.size === 0 || named.has(claims.sessionHandle))
      .toSorted((a, b) => b.claims.generation - a.claims.generation);
    if (others.some(({ claims }) => claims.sessionHandle !== newest?.claims.sessionHandle)) {
      throw this.refusals.unauthorized('refresh-token-ambiguous', { clearTokens: false });
    }
    return newest;
  }
}
