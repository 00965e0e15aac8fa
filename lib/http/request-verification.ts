import { Injectable, Inject } from '@nestjs/common';
import type { SessionClaimValidator } from '../claims/session-claim-validator.js';
import { CrossSiteRequestException } from '../errors/cross-site-request.exception.js';
import type { RefusedSession, SessionException } from '../errors/session.exception.js';
import type { TryRefreshTokenException } from '../errors/try-refresh-token.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import type { ClaimValidatorsOverride } from '../session/edit/claims-by-handle.js';
import { SessionContainerFactory } from '../session/container/session-container.factory.js';
import type { SessionContainer } from '../session/container/session-container.js';
import {
  STALE_CLAIMS_POLICY,
  type StaleClaimsPolicy,
} from '../session/container/stale-claims-policy.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { SessionVerifier, type Verification } from '../session/verify/session-verifier.js';
import type { VerifiedToken } from '../session/verify/verified-token-cache.js';
import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { isForeignHandshake, isSafeMethod } from './anti-csrf/fetch-metadata.js';
import { asHttpRequest, type HttpRequest } from './context/http-request.js';
import { RequestAccessToken } from './request-access-token.js';

/** How a request's session is verified. @publicApi */
export interface VerifySessionOptions {
  /**
   * `false`: a request without a session passes, and has none. What no key of ours has made counts as no token; one of
   * ours that does not serve is refused, so that its client refreshes. @default true
   */
  sessionRequired?: boolean;
  /** Whether the session's row must be there: a read for every request, and a revoked session is refused at once. @default false */
  checkDatabase?: boolean;
  /** Whether to check for other sites' requests. @default for every method but GET, HEAD and OPTIONS */
  antiCsrfCheck?: boolean;
  /** Changes what the claims must hold; gets the global validators. @default the global validators */
  overrideGlobalClaimValidators?: ClaimValidatorsOverride<SessionContainer>;
}

/** What the client presented; `undefined` where no anti-CSRF token is asked for. */
type PresentedProof = { readonly presented: string | undefined } | undefined;

/** Verifies the session of a request. */
@Injectable()
export class RequestVerification {
  constructor(
    private readonly verifier: SessionVerifier,
    private readonly containers: SessionContainerFactory,
    private readonly accessTokens: RequestAccessToken,
    private readonly antiCsrf: AntiCsrf,
    private readonly refusals: SessionRefusals,
    private readonly registry: RegisteredClaims,
    @Inject(STALE_CLAIMS_POLICY) private readonly staleClaims: StaleClaimsPolicy,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * Answers, or throws, at once where nothing has to be waited for.
   *
   * @throws {UnauthorizedSessionException} where there is no session, and one is required; or the database says it is over
   * @throws {TryRefreshTokenException} where the token does not serve
   * @throws {InvalidClaimsException}
   * @throws {SessionStoreUnavailableException}
   */
  verify(
    request: unknown,
    response: unknown,
    asked: VerifySessionOptions,
  ): SessionContainer | undefined | Promise<SessionContainer | undefined> {
    try {
      const found = this.find(request, response, asked);
      return found instanceof Promise
        ? found.catch((error: unknown) => this.refusals.rethrow('verify', error))
        : found;
    } catch (error) {
      return this.refusals.rethrow('verify', error);
    }
  }

  private find(
    request: unknown,
    response: unknown,
    asked: VerifySessionOptions,
  ): SessionContainer | undefined | Promise<SessionContainer | undefined> {
    const httpRequest = asHttpRequest(request);
    const usual = this.accessTokens.usual(httpRequest);
    if (usual !== undefined) {
      const antiCsrf = this.proofOf(httpRequest, usual.transferMethod, asked);
      const remembered =
        antiCsrf === undefined ? this.findRemembered(usual.token, asked) : undefined;
      if (remembered !== undefined) {
        remembered.attachToRequestResponse(request, response, usual.transferMethod);
        return remembered;
      }
    } else if (this.accessTokens.showsNone(httpRequest)) return this.withoutToken(asked);
    return this.findJudged(request, response, asked);
  }

  private async findJudged(
    request: unknown,
    response: unknown,
    asked: VerifySessionOptions,
  ): Promise<SessionContainer | undefined> {
    const httpRequest = asHttpRequest(request);
    const chosen = await this.accessTokens.of(httpRequest, asked);
    if (chosen === undefined) return this.withoutToken(asked);
    const { token, transferMethod } = chosen;
    const antiCsrf = this.proofOf(httpRequest, transferMethod, asked);
    const session = await this.verifyToken(token, antiCsrf, asked);
    session.attachToRequestResponse(request, response, transferMethod);
    return session;
  }

  /**
   * The same for a WebSocket handshake, which has no response to write to.
   *
   * @throws {CrossSiteRequestException} where its token is in a cookie and another origin's page has opened it, whatever
   * `antiCsrf` says
   */
  async verifyHandshake(
    request: unknown,
    asked: VerifySessionOptions,
  ): Promise<SessionContainer | undefined> {
    try {
      const httpRequest = asHttpRequest(request);
      const chosen = await this.accessTokens.of(httpRequest, asked);
      if (chosen === undefined) return this.withoutToken(asked);
      if (chosen.transferMethod === 'cookie' && isForeignHandshake(httpRequest, this.options)) {
        this.antiCsrf.reportFailure('handshake');
        throw new CrossSiteRequestException();
      }
      return await this.verifyToken(chosen.token, undefined, asked);
    } catch (error) {
      return this.refusals.rethrow('handshake', error);
    }
  }

  /** How a request carries its access token; `undefined` where it carries none. */
  async transferMethodOf(request: unknown): Promise<'cookie' | 'header' | undefined> {
    return (await this.accessTokens.of(asHttpRequest(request)))?.transferMethod;
  }

  /**
   * The same for a token that the caller has got by itself.
   *
   * @param antiCsrfToken what the client presented; checked where `antiCsrfCheck` is on and the mode is `VIA_TOKEN`
   */
  async verifyWithoutRequest(
    accessToken: string,
    antiCsrfToken: string | undefined,
    asked: VerifySessionOptions,
  ): Promise<SessionContainer | undefined> {
    try {
      if (!this.verifier.isAccessTokenLike(accessToken)) return this.withoutToken(asked);
      const isChecked = asked.antiCsrfCheck !== false && this.antiCsrf.isByToken;
      const antiCsrf = isChecked ? { presented: antiCsrfToken } : undefined;
      const token = await this.verifier.authenticate(accessToken);
      if (token === undefined) throw this.refusals.tryRefresh('access-token-invalid');
      return await this.verifyToken(token, antiCsrf, asked);
    } catch (error) {
      return this.refusals.rethrow('verify', error);
    }
  }

  /** Checks the claims of a session that has been verified before in the same request. */
  async assertClaims(
    session: SessionContainer,
    override: VerifySessionOptions['overrideGlobalClaimValidators'],
  ): Promise<void> {
    const globalValidators: readonly SessionClaimValidator[] = this.registry.globalValidators;
    if (override === undefined && globalValidators.length === 0) return;
    const validators =
      override === undefined ? globalValidators : await override([...globalValidators], session);
    await session
      .assertClaims(validators)
      .catch((error: unknown) => this.refusals.rethrow('verify', error));
  }

  // Nearly every request: a remembered token, and nothing else to find out, without a promise. It never refuses: what is
  // not certain goes the long way, and both come to the same (`remembered-token.spec.ts`). A verification takes 1.6 µs in
  // place of 4.3, and a guarded route on Fastify hardly more than an open one.
  private findRemembered(token: string, asked: VerifySessionOptions): SessionContainer | undefined {
    const isTokenEnough =
      asked.checkDatabase !== true &&
      asked.overrideGlobalClaimValidators === undefined &&
      this.registry.globalValidators.length === 0;
    const verified = isTokenEnough ? this.verifier.findRemembered(token) : undefined;
    if (verified === undefined) return undefined;
    const { claims } = verified;
    const isUpToDate = this.staleClaims.in(claims, claims.sub).length === 0;
    return isUpToDate ? this.containers.remembered(verified) : undefined;
  }

  private withoutToken({ sessionRequired }: VerifySessionOptions): undefined {
    if (sessionRequired === false) return undefined;
    // A refresh in another tab may be setting the cookies at this moment: they stay.
    throw this.refusals.unauthorized('no-access-token', { clearTokens: false });
  }

  private proofOf(
    request: HttpRequest,
    transferMethod: 'cookie' | 'header',
    { antiCsrfCheck = !isSafeMethod(request.method) }: VerifySessionOptions,
  ): PresentedProof {
    if (transferMethod !== 'cookie' || !antiCsrfCheck) return undefined;
    if (!this.antiCsrf.isAllowed(request)) throw this.antiCsrfFailure();
    return this.antiCsrf.isByToken
      ? { presented: this.antiCsrf.presentedToken(request) }
      : undefined;
  }

  private async verifyToken(
    token: VerifiedToken,
    antiCsrf: PresentedProof,
    asked: VerifySessionOptions,
  ): Promise<SessionContainer> {
    const verification = await this.verifier.verify(
      token,
      asked.checkDatabase === true,
      antiCsrf && (({ antiCsrfToken }) => this.antiCsrf.matches(antiCsrfToken, antiCsrf.presented)),
    );
    if (verification.kind !== 'valid') throw this.refusalOf(verification);
    const session = await this.containers.verified(verification.token, verification.record);
    await this.staleClaims.renewIn(session);
    await this.assertClaims(session, asked.overrideGlobalClaimValidators);
    return session;
  }

  private refusalOf(verification: Exclude<Verification, { kind: 'valid' }>): SessionException {
    const { kind, claims } = verification;
    const session = claims && { sessionHandle: claims.sessionHandle, userId: claims.sub };
    if (kind === 'unproven') return this.antiCsrfFailure(session);
    if (kind === 'try-refresh') return this.refusals.tryRefresh(verification.reason, session);
    return this.refusals.unauthorized('session-over', { clearTokens: true, session });
  }

  private antiCsrfFailure(session?: RefusedSession): TryRefreshTokenException {
    this.antiCsrf.reportFailure('verify');
    return this.refusals.tryRefresh('anti-csrf', session);
  }
}
