import { Injectable, Logger } from '@nestjs/common';
import type { AccessTokenPayload } from './claims/access-token-payload.js';
import type { EntityManager } from 'typeorm';
import { asHttpRequest } from './http/context/http-request.js';
import { allCorsHeaders } from './http/cors-headers.js';
import { RateLimiter } from './http/rate-limit/rate-limiter.js';
import { RequestLogin } from './http/request-login.js';
import { RequestRefresh } from './http/request-refresh.js';
import { RequestVerification, type VerifySessionOptions } from './http/request-verification.js';
import { checkVerifySessionOptions } from './http/verify-session-options.js';
import type { JsonWebKeyRecord } from './keys/public-jwk.js';
import { KeyRing } from './keys/key-ring.js';
import { JwtMaker } from './keys/jwt-maker.js';
import { openIdConfiguration, type OpenIdConfiguration } from './keys/openid-configuration.js';
import { SessionFunctions, SessionParts } from './session/session-functions.js';
import { checkFlag, checkManager, readOptions } from './session/input/function-arguments.js';
import { toJsonObject } from './session/input/json-object.js';
import type { SessionContainer } from './session/container/session-container.js';
import { LoginsUnderWay } from './session/end/logins-under-way.js';
import { SessionRefusals } from './session/refuse/session-refusals.js';
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
   * Logs a user in: writes a new session and attaches its tokens to the response.
   *
   * @param request the platform's request (Express, Fastify)
   * @param response the platform's response; in a handler `@Res({ passthrough: true })`
   * @param tenantId the tenant of the session; `'public'` where there are no tenants
   * @param userId 1 to 255 characters
   * @param accessTokenPayload claims for the access token; the browser can read them
   * @param sessionDataInDatabase what only the server sees
   * @param options.persistent whether the cookies outlive the browser. @default the module's `persistent`
   * @param options.allowCrossSite whether another site may send the login, as a provider that posts its answer. @default false
   * @throws {CrossSiteRequestException} (403) {TooManyRequestsException} (429)
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
    options: { persistent?: boolean; allowCrossSite?: boolean } = {},
  ): Promise<SessionContainer> {
    const { persistent, allowCrossSite } = readOptions(options, ['persistent', 'allowCrossSite']);
    const asked = { tenantId, userId, accessTokenPayload, sessionDataInDatabase, persistent };
    return this.login.createByHand(
      request,
      response,
      asked,
      checkFlag('allowCrossSite', allowCrossSite) === true,
    );
  }

  /**
   * Notes that a login begins, and counts it for `rateLimit`; for the first line of a handler without `@CreateSession()`,
   * which does it by itself. The session that `createNewSession` then makes counts from here: where the user's sessions
   * are revoked before it is made, it is refused (401).
   *
   * @throws {TooManyRequestsException} (429) where the request's address has asked, or guessed wrong, too often
   */
  async limitLogin(request: object): Promise<void> {
    this.logins.enter(asHttpRequest(request));
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
   * Renews the session of a request whose user has just proven again who they are (password, second factor): new tokens,
   * a new `auth_time` for `@RequireFresh`, all that the session held; the old one ends.
   *
   * @param userId who has been proven; must be the session's user
   * @throws {UnauthorizedSessionException} where there is no session, or it is another user's; nothing changes
   */
  reauthenticate(request: unknown, response: unknown, userId: string): Promise<SessionContainer> {
    return this.login.reauthenticate(request, response, userId);
  }

  /**
   * The session of a request; new tokens, where there are any, are attached to the response.
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
    options: VerifySessionOptions = {},
  ): Promise<SessionContainer | undefined> {
    return this.verification.verify(request, response, checkVerifySessionOptions(options));
  }

  /**
   * The session of a WebSocket handshake, by the request that opens the socket: refuse the socket where this throws.
   * Cookies count only from our own origin and `trustedOrigins`, since any page can open a socket with its visitor's.
   * A socket is not closed when its session ends: ask again from time to time, with `checkDatabase` or without.
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
    options: VerifySessionOptions = {},
  ): Promise<SessionContainer | undefined> {
    return this.verification.verifyHandshake(request, checkVerifySessionOptions(options));
  }

  /**
   * The session that an access token speaks for.
   *
   * @param antiCsrfToken what the client sent in `anti-csrf`; checked with `VIA_TOKEN` unless `antiCsrfCheck` is false
   * @returns `undefined` only with `sessionRequired: false`
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
    options: VerifySessionOptions = {},
  ): Promise<SessionContainer | undefined> {
    const asked = checkVerifySessionOptions(options);
    return this.verification.verifyWithoutRequest(accessToken, antiCsrfToken, asked);
  }

  /**
   * Refreshes the session of a request by its refresh token, and attaches the new tokens to the response.
   *
   * @throws {UnauthorizedSessionException} {TokenTheftDetectedException} {SessionStoreUnavailableException}
   */
  refreshSession(request: unknown, response: unknown): Promise<SessionContainer> {
    return this.refresh.refresh(request, response);
  }

  /** The same for a refresh token that the caller has got by itself. */
  refreshSessionWithoutRequestResponse(
    refreshToken: string,
    disableAntiCsrf = false,
    antiCsrfToken?: string,
  ): Promise<SessionContainer> {
    return this.refresh.refreshWithoutRequest(refreshToken, disableAntiCsrf, antiCsrfToken);
  }

  /**
   * The same functions in the caller's transaction: what they do is committed or rolled back with it. Other instances,
   * and this one's memory, learn of it once it is committed, within the poll interval of the revocation feed.
   *
   * @param manager of an open transaction of the sessions' data source
   * @throws {TypeError} for any other manager; its functions throw one once the transaction is over
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
   * Takes a key of the server out of use: on this instance at once, on the others within five seconds. A new one takes
   * its place. Access tokens that a signing key (`d-`) has made are refused, and a refresh gives new ones: nobody is
   * logged out. With a secret of refresh tokens (`m-`) all refresh tokens go that it has made: whoever holds one logs in
   * again once the access token has expired.
   *
   * @param kid the key's id, as the JWKS route and the table of keys have it
   * @returns whether there was such a key
   * @throws {SessionStoreUnavailableException}
   */
  async revokeKey(kid: string): Promise<boolean> {
    const isRevoked = await this.keys.revoke(kid);
    if (isRevoked) this.logger.log(`Key ${kid} was revoked`);
    return isRevoked;
  }

  /**
   * Makes another secret for refresh tokens, in use from a minute later on. Refresh tokens of the former secret stay good
   * until that is revoked, which logs nobody out whose refresh token has been replaced since.
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
   * Ends everyone's sessions, those included whose login is committed a moment later. On this instance all tokens are
   * refused at once, on the others within the poll interval of the revocation feed; the rows go in batches. Where it fails
   * halfway everything is over all the same, and `pruning` deletes the rest.
   *
   * @returns how many sessions there were
   * @throws {SessionStoreUnavailableException}
   */
  async revokeEverything(): Promise<number> {
    this.logger.log('All sessions of everyone are being revoked');
    const count = await this.parts.revoker.revokeEverything();
    this.logger.log(`All sessions of everyone were revoked: ${count}`);
    return count;
  }

  /**
   * Signs a JWT for another service, which checks it by the JWKS route. It cannot pass for an access token.
   *
   * @param validitySeconds default: a hundred years
   * @param useStaticSigningKey `false` signs with the rotating key, whose tokens can be checked only as long as an
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

  /** @throws {TypeError} where the option `issuer` is not set */
  getOpenIdDiscoveryConfiguration(): { status: 'OK' } & OpenIdConfiguration {
    const { issuer, signing } = this.parts.options;
    if (issuer === undefined) throw new TypeError('the option `issuer` is not set');
    return { status: 'OK', ...openIdConfiguration(issuer, signing.algorithm) };
  }

  /** The headers for `allowedHeaders` of `app.enableCors()`, beside the application's own. */
  getAllCORSHeaders(): string[] {
    return allCorsHeaders();
  }
}
