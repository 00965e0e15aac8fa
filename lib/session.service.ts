import { Injectable, Logger } from '@nestjs/common';
import type { AccessTokenPayload } from './claims/access-token-payload.js';
import type { EntityManager } from 'typeorm';
import { onceAnswered } from './http/context/answered-request.js';
import { asHttpRequest } from './http/context/http-request.js';
import { allCorsHeaders } from './http/cors-headers.js';
import { RateLimiter } from './http/rate-limit/rate-limiter.js';
import type { ImpersonateOptions } from './http/login/impersonation-options.js';
import { RequestImpersonation } from './http/login/request-impersonation.js';
import { RequestLogin } from './http/login/request-login.js';
import { RequestRefresh } from './http/refresh/request-refresh.js';
import { RequestVerification } from './http/verify/request-verification.js';
import type { VerifySessionOptions } from './http/verify/verify-session-options.js';
import { checkVerifySessionOptions } from './http/verify/verify-session-options.js';
import type { JsonWebKeyRecord } from './keys/public-jwk.js';
import { KeyRing } from './keys/key-ring.js';
import { JwtMaker } from './keys/jwt-maker.js';
import { openIdConfiguration, type OpenIdConfiguration } from './keys/openid-configuration.js';
import { SessionFunctions, SessionParts } from './session/session-functions.js';
import { checkFlag, checkManager, readOptions } from './session/input/function-arguments.js';
import { toJsonObject } from './session/input/json-object.js';
import type { SessionContainer } from './session/container/session-container.js';
import { watchSession } from './session/container/watch-session.js';
import { LoginsUnderWay } from './session/end/logins-under-way.js';
import { SessionRefusals } from './session/refuse/session-refusals.js';
import type { LiveEnd } from './verification/session-ends.js';
import { SessionDatabase } from './store/session-database.js';

/**
 * The functions of SuperTokens' Session recipe, under its names.
 *
 * @publicApi
 */
@Injectable()
export class SessionService extends SessionFunctions {
  private readonly logger = new Logger('SessionModule');

  /** @internal */
  constructor(
    parts: SessionParts,
    private readonly keys: KeyRing,
    private readonly database: SessionDatabase,
    private readonly login: RequestLogin,
    private readonly impersonation: RequestImpersonation,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    private readonly logins: LoginsUnderWay,
    private readonly verification: RequestVerification,
    private readonly refresh: RequestRefresh,
    private readonly jwts: JwtMaker,
  ) {
    super(parts);
  }

  /**
   * Logs a user in. It writes a new session and attaches its tokens to the response.
   *
   * @param request the platform's request (Express, Fastify)
   * @param response the platform's response; in a handler `@Res({ passthrough: true })`
   * @param tenantId the tenant of the session; `'public'` without tenants
   * @param userId 1 to 255 characters
   * @param accessTokenPayload claims for the access token. The browser can read them
   * @param sessionDataInDatabase data that only the server sees
   * @param options.persistent whether the cookies outlive the browser. @default `persistent` of the module
   * @param options.revokePrevious whether to end the session that the request carries. @default `revokePreviousSession`
   * of the module
   * @param options.allowCrossSite whether another site may send the login, such as a provider that posts its answer.
   * @default false
   * @throws {CrossSiteRequestException} (403) {TooManyRequestsException} (429)
   * @throws {SessionLimitException} (403) if the user has too many sessions, with `onLimit: 'refuse'`
   * @throws {UnauthorizedSessionException} (401) if the user's sessions were revoked since `limitLogin` was called
   * @throws {SessionInputException} (400) and writes nothing
   * @throws {SessionStoreUnavailableException} (503)
   */
  async createNewSession(
    request: unknown,
    response: unknown,
    tenantId: string,
    userId: string,
    accessTokenPayload: Partial<AccessTokenPayload> = {},
    sessionDataInDatabase: object = {},
    options: { persistent?: boolean; allowCrossSite?: boolean; revokePrevious?: boolean } = {},
  ): Promise<SessionContainer> {
    const names = ['persistent', 'allowCrossSite', 'revokePrevious'] as const;
    const { persistent, ...flags } = readOptions(options, names);
    const revokePrevious = checkFlag('revokePrevious', flags.revokePrevious);
    const allowCrossSite = checkFlag('allowCrossSite', flags.allowCrossSite) === true;
    const session = { tenantId, userId, accessTokenPayload, sessionDataInDatabase };
    const asked = { ...session, persistent, revokePrevious };
    return this.login.createByHand(request, response, asked, allowCrossSite);
  }

  /**
   * Notes that a login begins, and counts it for `rateLimit`. Call it in the first line of a handler without
   * `@CreateSession()`, which does so itself. The session of a later `createNewSession` counts from here: if the user's
   * sessions are revoked before it is made, it is refused (401).
   *
   * @throws {CrossSiteRequestException} (403) if another site's page embeds the request, such as an image
   * @throws {TooManyRequestsException} (429) if the request's address has asked, or guessed wrong, too often
   */
  async limitLogin(request: object): Promise<void> {
    this.logins.enter(asHttpRequest(request));
    onceAnswered(request, () => this.logins.leave(request));
    this.login.refuseEmbeddedLogin(request);
    return this.limiter
      .countByHand(request)
      .catch((error: unknown) => this.refusals.rethrow('login', error));
  }

  /** Counts a wrong password for `rateLimit`, in a handler without `@CreateSession()`. */
  countFailedLogin(request: object): Promise<void> {
    return this.limiter.countFailure(request);
  }

  /**
   * Renews the session of a request whose user has just proved their identity again (password, second factor). It gets
   * new tokens, a new `auth_time` for `@RequireFresh`, and the same content. The old session ends, and so does the
   * object of `@CurrentSession()`: use the returned one from here on, such as for a claim of a second factor.
   *
   * @param userId the user whose identity was proved; must be the session's user
   * @throws {UnauthorizedSessionException} if there is no session, or it is another user's; nothing changes
   */
  reauthenticate(request: unknown, response: unknown, userId: string): Promise<SessionContainer> {
    return this.login.reauthenticate(request, response, userId);
  }

  /**
   * Lets the user of a request act as another. The client gets a session of that user, which shows who acts in it, and
   * `endImpersonation` returns its own session. The session ends with the actor's own, at once here and within a second elsewhere. Its user
   * never counts as freshly authenticated, no refresh moves its end, and it does not count in `maxSessionsPerUser`.
   *
   * Your application decides who may do this: guard the handler, and check the user id in the request.
   *
   * @throws {SessionInputException} (400) also for oneself, and for an actor whose session is bound to a device
   * @throws {InvalidClaimsException} if the actor already acts as somebody else
   * @throws {UnauthorizedSessionException} (401) if the actor's session is over, or of another kind of sessions. In
   * cookie mode, also if the request lacks its refresh token, as with a separate `cookie.refreshPath`
   * @throws {CrossSiteRequestException} (403)
   * @example
   * ```ts
   * await this.sessions.impersonate(req, res, { userId, reason: 'ticket 4711' });
   * ```
   */
  impersonate(
    request: unknown,
    response: unknown,
    how: ImpersonateOptions,
  ): Promise<SessionContainer> {
    return this.impersonation.begin(request, response, how);
  }

  /**
   * Returns the client's own session, by its waiting refresh token. In cookie mode, that is in a cookie. In header
   * mode, the client sends it as `Authorization: Bearer …`. The handler needs no guard, because this is a kind of
   * refresh.
   *
   * @throws {UnauthorizedSessionException} (401) if there is no such token, another site's page may have sent the
   * request, the actor's session is over, or the token is a bound session's and came in a header
   * @throws {TokenTheftDetectedException} (401) if the token was spent long ago. A waiting cookie that another tab's
   * refresh has overtaken is only refused
   * @throws {SessionReplacedException} (503) if another session has just replaced the actor's at the same client
   * @throws {TooManyRequestsException} (429) by `rateLimit`, which counts this as a refresh
   */
  endImpersonation(request: unknown, response: unknown): Promise<SessionContainer> {
    return this.impersonation.end(request, response);
  }

  /**
   * The session of a request. New tokens, if any, are attached to the response.
   *
   * @returns `undefined` only with `sessionRequired: false`
   * @throws {UnauthorizedSessionException} {TryRefreshTokenException} {InvalidClaimsException}
   */
  getSession(
    request: unknown,
    response: unknown,
    options?: VerifySessionOptions & { sessionRequired?: true },
  ): Promise<SessionContainer>;
  getSession(
    request: unknown,
    response: unknown,
    options?: VerifySessionOptions,
  ): Promise<SessionContainer | undefined>;
  async getSession(
    request: unknown,
    response: unknown,
    options?: VerifySessionOptions,
  ): Promise<SessionContainer | undefined> {
    return this.verification.verify(request, response, checkVerifySessionOptions(options));
  }

  /**
   * The session of a WebSocket handshake, by the request that opens the socket: refuse the socket if this throws.
   * Cookies count only from our own origin and `trustedOrigins`, because any page can open a socket with its visitor's
   * cookies. The caller must close the socket when the session ends: `watch` reports that.
   *
   * @param request Node's request of the upgrade, such as the second argument of a gateway's `handleConnection`
   * @returns `undefined` only with `sessionRequired: false`
   * @throws {CrossSiteRequestException} {UnauthorizedSessionException} {TryRefreshTokenException} {InvalidClaimsException}
   */
  getSessionOfHandshake(
    request: unknown,
    options?: VerifySessionOptions & { sessionRequired?: true },
  ): Promise<SessionContainer>;
  getSessionOfHandshake(
    request: unknown,
    options?: VerifySessionOptions,
  ): Promise<SessionContainer | undefined>;
  async getSessionOfHandshake(
    request: unknown,
    options?: VerifySessionOptions,
  ): Promise<SessionContainer | undefined> {
    return this.verification.verifyHandshake(request, checkVerifySessionOptions(options));
  }

  /**
   * The session of an access token.
   *
   * @param antiCsrfToken the client's value of `anti-csrf`; checked with `VIA_TOKEN` unless `antiCsrfCheck` is false. By
   * default, a token that was made for headers needs none
   * @returns `undefined` only with `sessionRequired: false`
   * @throws {UnauthorizedSessionException} also for a text that has not the form of a token
   * @throws {TryRefreshTokenException} {InvalidClaimsException}
   */
  getSessionWithoutRequestResponse(
    accessToken: string,
    antiCsrfToken?: string,
    options?: VerifySessionOptions & { sessionRequired?: true },
  ): Promise<SessionContainer>;
  getSessionWithoutRequestResponse(
    accessToken: string,
    antiCsrfToken?: string,
    options?: VerifySessionOptions,
  ): Promise<SessionContainer | undefined>;
  async getSessionWithoutRequestResponse(
    accessToken: string,
    antiCsrfToken?: string,
    options?: VerifySessionOptions,
  ): Promise<SessionContainer | undefined> {
    const asked = checkVerifySessionOptions(options);
    return this.verification.verifyWithoutRequest(accessToken, antiCsrfToken, asked);
  }

  /**
   * Calls once when a session ends, on any instance: by a sign-out, a revocation or a timeout. It takes at most the
   * poll interval of the revocation feed and a second, without a read for each watched session. Dispose of the result
   * to end the watch. A session that is bound to a device, or in which somebody acts as the user, counts as ended with
   * its access token (`token-expired`). `live: { until: 'token' }` does so for all.
   *
   * @param onEnd receives the reason, and the error for the client of an open connection. If it throws, or returns a
   * promise that rejects, the log says so
   * @example
   * ```ts
   * const watching = sessions.watch(session, ({ reason }) => upload.abort(reason));
   * try { await upload.done(); } finally { watching[Symbol.dispose](); }
   * ```
   */
  watch(session: SessionContainer, onEnd: (end: LiveEnd) => void): Disposable {
    return watchSession(session, onEnd);
  }

  /**
   * Refreshes the session of a request by its refresh token, and attaches the new tokens to the response.
   *
   * @throws {UnauthorizedSessionException} {TokenTheftDetectedException} (401)
   * @throws {TooManyRequestsException} (429) by `rateLimit`
   * @throws {DeviceProofMissingException} {SessionReplacedException} {SessionStoreUnavailableException} (503)
   */
  refreshSession(request: unknown, response: unknown): Promise<SessionContainer> {
    return this.refresh.refresh(request, response);
  }

  /**
   * The same for a refresh token that the caller has found itself.
   *
   * @param disableAntiCsrf `true` for a token that did not come in a cookie: it does not say so itself, and `VIA_TOKEN`
   * would ask for its `anti-csrf`
   */
  refreshSessionWithoutRequestResponse(
    refreshToken: string,
    disableAntiCsrf = false,
    antiCsrfToken?: string,
  ): Promise<SessionContainer> {
    return this.refresh.refreshWithoutRequest(refreshToken, disableAntiCsrf, antiCsrfToken);
  }

  /**
   * The same functions in the caller's transaction: their changes are committed or rolled back with it. This instance
   * refuses sessions that end in it right after the commit, and others within the poll interval of the revocation feed.
   * The functions throw a `TypeError` once the transaction is over. A session that they have created works in the
   * transaction as long as that is open, and on its own after the commit.
   *
   * @param manager of an open transaction of the sessions' data source
   * @throws {TypeError} for any other manager
   * @throws {SessionInputException} (400) for what is no manager
   * @example
   * ```ts
   * await dataSource.transaction(async (manager) => {
   *   await manager.update(User, userId, { passwordHash });
   *   await sessions.withManager(manager).revokeAllSessionsForUser(userId);
   * });
   * ```
   */
  withManager(manager: EntityManager): SessionFunctions {
    const database = this.database.withManager(checkManager(manager));
    return new SessionFunctions(this.parts.withDatabase(database));
  }

  /**
   * Takes a key of the server out of use: on this instance at once, on the others within five seconds. A new one
   * replaces it. With a signing key (`d-`), its access tokens are refused, and a refresh gives new ones: nobody is
   * logged out. With a secret of refresh tokens (`m-`), all of its refresh tokens become invalid. Their users must log
   * in again once the access token expires.
   *
   * @param kid the key's id in the JWKS route and the table of keys
   * @returns whether it existed
   * @throws {SessionStoreUnavailableException}
   */
  async revokeKey(kid: string): Promise<boolean> {
    const isRevoked = await this.keys.revoke(kid);
    if (isRevoked) this.logger.log(`Key ${kid} was revoked`);
    return isRevoked;
  }

  /**
   * Makes another secret for refresh tokens, in use from a minute later on. Refresh tokens of the former secret stay
   * valid until it is revoked. That logs out nobody whose refresh token has been replaced since.
   *
   * @returns the key id of the new secret
   * @throws {SessionStoreUnavailableException}
   */
  async addRefreshTokenSecret(): Promise<string> {
    const kid = await this.keys.addRefreshTokenSecret();
    this.logger.log(`Secret ${kid} for refresh tokens was added`);
    return kid;
  }

  /**
   * Ends everyone's sessions, including those whose login is committed a moment later. All tokens are refused at once
   * on this instance, and on the others within the poll interval of the revocation feed. The rows are deleted in
   * batches. If it fails halfway, everything is over all the same, and `pruning` deletes the rest.
   *
   * @returns the number of sessions
   * @throws {SessionStoreUnavailableException}
   */
  async revokeEverything(): Promise<number> {
    this.logger.log('All sessions of everyone are being revoked');
    const count = await this.parts.revoker.revokeEverything();
    this.logger.log(`All sessions of everyone were revoked: ${count}`);
    return count;
  }

  /**
   * Signs a JWT for another service, which verifies it with the JWKS route. It can't pass for an access token.
   *
   * @param validitySeconds default: a hundred years
   * @param useStaticSigningKey `false` signs with the rotating key. Its tokens can only be verified as long as an
   * access token could live. @default true
   */
  async createJWT(
    payload: object = {},
    validitySeconds?: number,
    useStaticSigningKey?: boolean,
  ): Promise<{ status: 'OK'; jwt: string }> {
    const claims = toJsonObject('payload', payload);
    const jwt = await this.jwts.make(claims, validitySeconds, useStaticSigningKey);
    return { status: 'OK', jwt };
  }

  /** The public keys, as the JWKS route serves them. */
  getJWKS(): { keys: JsonWebKeyRecord[]; validityInSeconds: number } {
    return this.keys.jwks();
  }

  /** @throws {TypeError} if the option `issuer` is not set */
  getOpenIdDiscoveryConfiguration(): { status: 'OK' } & OpenIdConfiguration {
    const { issuer, signing } = this.parts.options;
    if (issuer === undefined) throw new TypeError('the option `issuer` is not set');
    return { status: 'OK', ...openIdConfiguration(issuer, signing.algorithm) };
  }

  /** The headers for `allowedHeaders` of `app.enableCors()`, in addition to the application's own. */
  getAllCORSHeaders(): string[] {
    return allCorsHeaders();
  }
}
