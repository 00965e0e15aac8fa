import { Injectable, Inject } from '@nestjs/common';
import { CrossSiteRequestException } from '../../errors/cross-site-request.exception.js';
import type { RefusedSession, SessionException } from '../../errors/session.exception.js';
import type { TryRefreshTokenException } from '../../errors/try-refresh-token.exception.js';
import { SessionTally } from '../../events/session-tally.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../../options/resolved-options.js';
import type { ReadonlySession } from '../../session/container/readonly-session.js';
import type { SessionContainer } from '../../session/container/session-container.js';
import {
  STALE_CLAIMS_POLICY,
  type StaleClaimsPolicy,
} from '../../session/container/stale-claims-policy.js';
import {
  VERIFIED_SESSIONS,
  type VerifiedSessions,
} from '../../session/container/verified-sessions.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { SessionVerifier, type Verification } from '../../session/verify/session-verifier.js';
import type { VerifiedToken } from '../../session/verify/verified-token-cache.js';
import type { Reading } from '../../tokens/reading.js';
import { AntiCsrf, type PresentedProof } from '../anti-csrf/anti-csrf.js';
import { isForeignHandshake, isSafeMethod } from '../anti-csrf/fetch-metadata.js';
import { connectionOf } from '../context/handshake-connection.js';
import { asHttpRequest, type HttpRequest } from '../context/http-request.js';
import { withShownToken } from './handshake-token.js';
import { RememberedSessions } from './remembered-sessions.js';
import { RequestAccessToken } from './request-access-token.js';
import { RequiredClaims } from './required-claims.js';
import type { AskedOfRequest, VerifySessionOptions } from './verify-session-options.js';

type Finding<S> = S | undefined | Promise<S | undefined>;

/** Verifies the session of a request, for owners and readers of sessions alike. */
@Injectable()
export class RequestVerification<S extends ReadonlySession = SessionContainer> {
  constructor(
    private readonly verifier: SessionVerifier,
    @Inject(VERIFIED_SESSIONS) private readonly sessions: VerifiedSessions<S>,
    private readonly remembered: RememberedSessions<S>,
    private readonly accessTokens: RequestAccessToken,
    private readonly antiCsrf: AntiCsrf,
    private readonly refusals: SessionRefusals,
    readonly claims: RequiredClaims,
    private readonly tally: SessionTally,
    @Inject(STALE_CLAIMS_POLICY) private readonly staleClaims: StaleClaimsPolicy<S>,
    @Inject(RESOLVED_SESSION_OPTIONS) readonly options: ResolvedVerificationOptions,
  ) {}

  /**
   * Answers or throws synchronously if nothing must be awaited.
   *
   * @throws {UnauthorizedSessionException} if a required session is missing, or over in the database
   * @throws {TryRefreshTokenException} if the token is not accepted
   * @throws {InvalidClaimsException}
   * @throws {SessionStoreUnavailableException}
   */
  verify(request: unknown, response: unknown, asked: AskedOfRequest): Finding<S> {
    return this.refusing(() => this.find(request, response, asked));
  }

  private find(request: unknown, response: unknown, asked: AskedOfRequest): Finding<S> {
    const httpRequest = asHttpRequest(request);
    const usual = this.accessTokens.usual(httpRequest);
    if (usual !== undefined) {
      const antiCsrf = this.proofOf(httpRequest, usual.transferMethod, asked);
      const remembered =
        antiCsrf === undefined ? this.remembered.find(usual.token, asked) : undefined;
      if (remembered !== undefined) {
        this.sessions.attach(remembered, request, response, usual.transferMethod);
        return remembered;
      }
    } else if (this.accessTokens.showsNone(httpRequest)) return this.withoutToken(asked);
    return this.findJudged(request, response, asked);
  }

  private async findJudged(
    request: unknown,
    response: unknown,
    asked: AskedOfRequest,
  ): Promise<S | undefined> {
    const httpRequest = asHttpRequest(request);
    const chosen = await this.accessTokens.of(httpRequest, asked);
    if (chosen === undefined) return this.withoutToken(asked);
    const { token, transferMethod } = chosen;
    const antiCsrf = this.proofOf(httpRequest, transferMethod, asked);
    if (antiCsrf === 'refused') throw this.antiCsrfFailure();
    const attach = (found: S): void =>
      this.sessions.attach(found, request, response, transferMethod);
    const session = await this.verifyToken(token, antiCsrf, asked, attach);
    attach(session);
    return session;
  }

  /**
   * The same for a WebSocket handshake, which has no response to write to.
   *
   * @throws {CrossSiteRequestException} if its token is in a cookie and another origin's page opened it, whatever
   * `antiCsrf` says
   */
  verifyHandshake(request: unknown, asked: VerifySessionOptions): Promise<S | undefined> {
    return this.findInHandshake(request, asked).catch((error: unknown) =>
      this.refusals.rethrow('handshake', error),
    );
  }

  /**
   * The same for a caller that reports by itself whom it refuses, because a socket may still show another token.
   *
   * @param shown the token that its client sent apart from the handshake
   */
  async findInHandshake(
    request: unknown,
    asked: VerifySessionOptions,
    shown?: string,
  ): Promise<S | undefined> {
    const handshake = asHttpRequest(request);
    const httpRequest = withShownToken(handshake, shown);
    const chosen = await this.accessTokens.of(httpRequest, asked);
    if (chosen === undefined) return this.withoutToken(asked);
    if (chosen.transferMethod === 'cookie' && isForeignHandshake(httpRequest, this.options)) {
      this.antiCsrf.reportFailure('handshake');
      throw new CrossSiteRequestException();
    }
    const session = await this.verifyToken(chosen.token, undefined, asked);
    session.bindTo(connectionOf(handshake));
    return session;
  }

  /** Whether a verified session has been revoked since, for example by a sign-out in the same request. */
  isOver(session: ReadonlySession): boolean {
    return this.verifier.isEnded(session.live.held.claims);
  }

  /** How a request carries its access token; `undefined` if it carries none. */
  async transferMethodOf(request: unknown): Promise<'cookie' | 'header' | undefined> {
    return (await this.accessTokens.of(asHttpRequest(request)))?.transferMethod;
  }

  /**
   * The same for a token that the caller has found itself.
   *
   * @param antiCsrfToken the client's value; checked if `antiCsrfCheck` is on and the mode is `VIA_TOKEN`. By default,
   * only a token that was made for a cookie needs one
   */
  verifyWithoutRequest(
    accessToken: string,
    antiCsrfToken: string | undefined,
    asked: AskedOfRequest,
  ): Finding<S> {
    const isChecked = asked.antiCsrfCheck !== false && this.antiCsrf.isByToken;
    const proof = isChecked ? { presented: antiCsrfToken } : undefined;
    const remembered = isChecked ? undefined : this.remembered.find(accessToken, asked);
    return remembered ?? this.refusing(() => this.verifyText(accessToken, proof, asked));
  }

  private verifyText(
    accessToken: string,
    antiCsrf: PresentedProof,
    asked: AskedOfRequest,
  ): Finding<S> {
    const verify = (reading: Reading<VerifiedToken>) => {
      const isNone = asked.sessionRequired === false && reading === 'forged';
      if (reading === 'foreign' || isNone) return this.withoutToken(asked);
      if (typeof reading === 'string') throw this.refusals.tryRefresh('access-token-invalid');
      // One for headers holds no value. No browser adds it by itself.
      const isForHeaders = reading.token.claims.antiCsrfToken === null;
      const isExempt = isForHeaders && asked.antiCsrfCheck === undefined;
      return this.verifyToken(reading.token, isExempt ? undefined : antiCsrf, asked);
    };
    const reading = this.verifier.read(accessToken);
    if (reading !== 'unknown-key') return verify(reading);
    return this.verifier.reloadKeys().then(() => verify(this.verifier.read(accessToken)));
  }

  private refusing<T>(verify: () => T | Promise<T>): T | Promise<T> {
    try {
      const found = verify();
      return found instanceof Promise ? found.catch(this.refuse) : found;
    } catch (error) {
      return this.refuse(error);
    }
  }

  private readonly refuse = (error: unknown): never => this.refusals.rethrow('verify', error);

  private withoutToken({ sessionRequired }: VerifySessionOptions): undefined {
    if (sessionRequired === false) return undefined;
    // A refresh in another tab may be setting the cookies at this moment, so they stay.
    throw this.refusals.unauthorized('no-access-token', { clearTokens: false });
  }

  // It throws nothing: with an optional session, a value that no key of ours made is no token, and needs no proof.
  private proofOf(
    request: HttpRequest,
    transferMethod: 'cookie' | 'header',
    { antiCsrfCheck = !isSafeMethod(request.method) }: VerifySessionOptions,
  ): PresentedProof | 'refused' {
    if (transferMethod !== 'cookie' || !antiCsrfCheck) return undefined;
    return this.antiCsrf.isAllowed(request) ? this.antiCsrf.proofIn(request) : 'refused';
  }

  // Without a promise if nothing must be awaited: the six on the long path take 3 of the 40 µs of a token's first time.
  private verifyToken(
    token: VerifiedToken,
    antiCsrf: PresentedProof,
    asked: AskedOfRequest,
    attach?: (session: S) => void,
  ): S | Promise<S> {
    const tally = this.verifier.isRemembered(token.token) ? 'remembered' : 'read';
    const session = antiCsrf === undefined ? this.remembered.of(token, asked) : undefined;
    if (session === undefined) return this.verifyInTurn(token, antiCsrf, asked, tally, attach);
    this.tally[tally] += 1;
    return session;
  }

  private async verifyInTurn(
    token: VerifiedToken,
    antiCsrf: PresentedProof,
    asked: VerifySessionOptions,
    tally: 'remembered' | 'read',
    attach?: (session: S) => void,
  ): Promise<S> {
    const verification = await this.verifier.verify(token, asked.checkDatabase === true, (claims) =>
      this.antiCsrf.isProven(claims.antiCsrfToken, antiCsrf),
    );
    if (verification.kind !== 'valid') throw this.refusalOf(verification);
    const session = await this.sessions.verified(verification.token, verification.record);
    await this.staleClaims.renewIn(session);
    // A refusal brings the new token too. Otherwise each request with the old one would fetch the claims again.
    if (session.getAccessToken() !== token.token) attach?.(session);
    await this.claims.assertIn(session, asked.overrideGlobalClaimValidators);
    this.tally[tally] += 1;
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
