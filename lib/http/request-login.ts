import { Injectable, Inject } from '@nestjs/common';
import { CrossSiteRequestException } from '../errors/cross-site-request.exception.js';
import type { RefusedSession } from '../errors/session.exception.js';
import type { UnauthorizedSessionException } from '../errors/unauthorized-session.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import type { SessionContainer } from '../session/container/session-container.js';
import { SessionContainerFactory } from '../session/container/session-container.factory.js';
import {
  SessionIssuer,
  type IssuedSession,
  type SessionRequest,
} from '../session/issue/session-issuer.js';
import { SessionRenewer, type RenewalRequest } from '../session/issue/session-renewer.js';
import {
  hasCustomHeader,
  isCrossSite,
  isEmbeddedElsewhere,
  isSafeMethod,
} from './anti-csrf/fetch-metadata.js';
import { deviceOf } from './context/device-reader.js';
import { asHttpRequest } from './context/http-request.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { rememberSession } from './current-session.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { RequestVerification } from './request-verification.js';
import { RequestSignOut } from './request-sign-out.js';
import { SetupWarnings } from './setup-warnings.js';
import { areHeadersSent, asHttpResponse } from './context/http-response.js';
import { TokenReader } from './transport/token-reader.js';
import { TokenWriter } from './transport/token-writer.js';
import { transferMethodForCreate } from './transport/transfer-method.js';

/** What the request of a login and its response say. */
type LoginByRequest = Pick<
  RenewalRequest,
  'device' | 'login' | 'replacedHandles' | 'withAntiCsrfToken'
>;
/** What a login asks for beside that. */
type AskedLogin = Omit<SessionRequest, keyof LoginByRequest>;

/** Logs users in by a request and its response. */
@Injectable()
export class RequestLogin {
  // Whose tokens an answer carries already: another session in it takes their place.
  private readonly attached = new WeakMap<object, { cookie?: string; header?: string }>();

  constructor(
    private readonly issuer: SessionIssuer,
    private readonly containers: SessionContainerFactory,
    private readonly reader: TokenReader,
    private readonly writer: TokenWriter,
    private readonly signOut: RequestSignOut,
    private readonly verification: RequestVerification,
    private readonly renewer: SessionRenewer,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    private readonly warnings: SetupWarnings,
    private readonly logins: LoginsUnderWay,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** Creates a session and attaches its tokens to the response. */
  async create(request: unknown, response: unknown, asked: AskedLogin): Promise<SessionContainer> {
    try {
      const httpRequest = asHttpRequest(request);
      const transferMethod = transferMethodForCreate(httpRequest, this.options);
      return await this.attach(request, response, transferMethod, async (how) => {
        const shown = this.options.revokePreviousSession
          ? await this.signOut.handlesOf(httpRequest)
          : [];
        const replacedHandles = [...new Set([...shown, ...how.replacedHandles])];
        return this.issuer.issue({ ...asked, ...how, replacedHandles });
      });
    } catch (error) {
      return this.refusals.rethrow('login', error);
    }
  }

  private async attach(
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header',
    issue: (how: LoginByRequest) => Promise<IssuedSession>,
  ): Promise<SessionContainer> {
    const httpRequest = asHttpRequest(request);
    const httpResponse = asHttpResponse(response);
    if (areHeadersSent(httpResponse)) {
      throw new Error('the response has been sent already, so no session can be attached to it');
    }
    const before = this.attached.get(httpResponse)?.[transferMethod];
    const issued = await issue({
      login: this.logins.find(httpRequest),
      device: deviceOf(httpRequest, this.options),
      replacedHandles: before === undefined ? [] : [before],
      withAntiCsrfToken: this.options.antiCsrf === 'VIA_TOKEN' && transferMethod === 'cookie',
    });
    // A stale token of the other method would shadow the new session (SuperTokens' rule for both methods).
    this.writer.clearOther(httpRequest, httpResponse, transferMethod, {
      header: this.reader.bearerToken(httpRequest) !== undefined,
      cookie: this.reader.accessTokenCookies(httpRequest).length > 0,
    });
    const session = this.containers.issued(issued);
    session.attachToRequestResponse(request, response, transferMethod);
    const attached = { ...this.attached.get(httpResponse), [transferMethod]: session.getHandle() };
    this.attached.set(httpResponse, attached);
    return session;
  }

  /**
   * The same for a handler that logs its user in by itself, with what `@CreateSession` looks at before.
   *
   * @param allowCrossSite whether another site may send the login, as a provider's callback does
   * @throws {CrossSiteRequestException}
   * @throws {TooManyRequestsException}
   */
  async createByHand(
    request: unknown,
    response: unknown,
    asked: AskedLogin,
    allowCrossSite: boolean,
  ): Promise<SessionContainer> {
    if (allowCrossSite) this.refuseEmbeddedLogin(request);
    else this.refuseCrossSiteLogin(request);
    await this.limiter
      .countCreated(request)
      .catch((error: unknown) => this.refusals.rethrow('login', error));
    return this.create(request, response, asked);
  }

  /**
   * Renews a session whose user has just proven again who they are: a new session with all that the old one held takes
   * its place (ASVS 7.2.4).
   *
   * @throws {UnauthorizedSessionException} also where the session is another user's, or ends meanwhile; nothing changes
   */
  async reauthenticate(
    request: unknown,
    response: unknown,
    userId: string,
  ): Promise<SessionContainer> {
    const session = await this.verification.verify(request, response, {
      checkDatabase: true,
      overrideGlobalClaimValidators: () => [],
    });
    if (session === undefined || session.getUserId() !== userId) {
      const error = this.refusals.unauthorized('other-user', { clearTokens: false });
      this.refusals.rethrow('login', error);
    }
    const carriedBy =
      (await this.verification.transferMethodOf(request)) ??
      transferMethodForCreate(asHttpRequest(request), this.options);
    const handle = session.getHandle();
    const renewed = await this.attach(request, response, carriedBy, async (how) => {
      const issued = await this.renewer.renew({ ...how, handle, userId });
      // No token is removed: another answer may have brought the renewed session's already.
      return issued ?? this.refusals.rethrow('login', this.over({ sessionHandle: handle, userId }));
    });
    const checked = { options: {}, maxAgeMs: undefined };
    rememberSession(request, this.verification, { session: renewed, checked });
    return renewed;
  }

  private over(session: RefusedSession): UnauthorizedSessionException {
    return this.refusals.unauthorized('session-over', { clearTokens: false, session });
  }

  /**
   * Refuses a login that another site's page embeds, as by an image. It would use up its visitor's limit.
   *
   * @throws {CrossSiteRequestException}
   */
  refuseEmbeddedLogin(request: unknown): void {
    const isRefused = this.options.antiCsrf !== 'NONE';
    if (isRefused && isEmbeddedElsewhere(asHttpRequest(request), this.options)) {
      this.refusals.rethrow('login', new CrossSiteRequestException());
    }
  }

  /**
   * Refuses a login that another site's page sends, which would log the user in as somebody else (login CSRF).
   *
   * @param isMutation of GraphQL, which changes something by GET too
   * @throws {CrossSiteRequestException}
   */
  refuseCrossSiteLogin(request: unknown, isMutation = false): void {
    const { antiCsrf } = this.options;
    const httpRequest = asHttpRequest(request);
    this.refuseEmbeddedLogin(httpRequest);
    if (antiCsrf === 'NONE' || (isSafeMethod(httpRequest.method) && !isMutation)) return;
    if (antiCsrf === 'VIA_CUSTOM_HEADER' && hasCustomHeader(httpRequest, this.options)) return;
    if (isCrossSite(httpRequest, this.options)) {
      this.warnings.ofPage(httpRequest);
      this.refusals.rethrow('login', new CrossSiteRequestException());
    }
  }
}
