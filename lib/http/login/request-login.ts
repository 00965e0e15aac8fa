import { Injectable, Inject } from '@nestjs/common';
import { CrossSiteRequestException } from '../../errors/cross-site-request.exception.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionContainer } from '../../session/container/session-container.js';
import { SessionContainerFactory } from '../../session/container/session-container.factory.js';
import { SessionIssuer, type IssuedSession } from '../../session/issue/session-issuer.js';
import type { SessionRequest } from '../../session/issue/session-request.js';
import { SessionRenewer, type RenewalRequest } from '../../session/issue/session-renewer.js';
import {
  hasCustomHeader,
  isEmbeddedElsewhere,
  isForeignLogin,
  isFollowedLink,
} from '../anti-csrf/fetch-metadata.js';
import { BindingOffer } from '../binding/binding-offer.js';
import { deviceOf } from '../context/device-reader.js';
import { asHttpRequest } from '../context/http-request.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { RequestFormerTokens } from '../request-former-tokens.js';
import { LoginsUnderWay } from '../../session/end/logins-under-way.js';
import { endingOwnSession, rememberIssued } from '../current-session.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestVerification } from '../verify/request-verification.js';
import { RequestSignOut } from '../request-sign-out.js';
import { SetupWarnings } from '../setup-warnings.js';
import { areHeadersSent, asHttpResponse } from '../context/http-response.js';
import { TokenReader } from '../transport/token-reader.js';
import { TokenWriter } from '../transport/token-writer.js';
import { transferMethodForCreate } from '../transport/transfer-method.js';

/** The parts of a login that come from the request and its response. */
export type LoginByRequest = Pick<
  RenewalRequest,
  'device' | 'isBindingOffered' | 'login' | 'replacedHandles' | 'withAntiCsrfToken'
>;

/** The other parts of a login. */
interface AskedLogin extends Omit<SessionRequest, keyof LoginByRequest> {
  /** Whether to end the session that the request carries. @default the module's `revokePreviousSession` */
  readonly revokePrevious?: boolean | undefined;
}

// Each signs a token and writes a row, and the client gets only the last one. A GraphQL request can name a mutation any
// number of times.
const MAX_SESSIONS_OF_ANSWER = 10;

/** The sessions that were attached to one response. */
interface SessionsOfAnswer {
  count: number;
  /** The handles whose tokens it carries: another session replaces them. */
  carried: { readonly cookie?: string; readonly header?: string };
  /** The last session, which the next one waits for. */
  last: Promise<unknown>;
}

/** Logs users in with a request and its response. */
@Injectable()
export class RequestLogin {
  private readonly answers = new WeakMap<object, SessionsOfAnswer>();

  constructor(
    private readonly issuer: SessionIssuer,
    private readonly containers: SessionContainerFactory,
    private readonly reader: TokenReader,
    private readonly writer: TokenWriter,
    private readonly signOut: RequestSignOut,
    private readonly formerTokens: RequestFormerTokens,
    private readonly verification: RequestVerification,
    private readonly renewer: SessionRenewer,
    private readonly binding: BindingOffer,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    private readonly warnings: SetupWarnings,
    private readonly logins: LoginsUnderWay,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** Creates a session and attaches its tokens to the response. */
  async create(
    request: unknown,
    response: unknown,
    { revokePrevious = this.options.revokePreviousSession, ...asked }: AskedLogin,
  ): Promise<SessionContainer> {
    try {
      const httpRequest = asHttpRequest(request);
      const transferMethod = transferMethodForCreate(httpRequest, this.options);
      const former = revokePrevious && (await this.formerTokens.of(httpRequest));
      const session = await this.attach(request, response, transferMethod, async (how) => {
        const shown = former ? await this.signOut.handlesOf(httpRequest, former) : [];
        const replacedHandles = [...new Set([...shown, ...how.replacedHandles])];
        return this.issuer.issue({ ...asked, ...how, replacedHandles });
      });
      // Only now, because a cookie that is gone can no longer end its session.
      if (former) this.formerTokens.remove(former, httpRequest, asHttpResponse(response));
      return session;
    } catch (error) {
      return this.refusals.rethrow('login', error);
    }
  }

  /**
   * Attaches a request's new session to the response, instead of the client's session.
   *
   * @throws {SessionInputException} (400) after ten for one answer
   */
  async attach(
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header',
    issue: (how: LoginByRequest) => Promise<IssuedSession>,
    mayBind = true,
  ): Promise<SessionContainer> {
    const httpResponse = asHttpResponse(response);
    const known = this.answers.get(httpResponse);
    const answer: SessionsOfAnswer = known ?? { count: 0, carried: {}, last: Promise.resolve() };
    this.answers.set(httpResponse, answer);
    answer.count += 1;
    if (answer.count > MAX_SESSIONS_OF_ANSWER) {
      const detail = `was done ${MAX_SESSIONS_OF_ANSWER} times for one answer`;
      throw new SessionInputException('login', detail);
    }
    // One after the other, so that each one ends the session that it replaces.
    const attached = answer.last.then(() =>
      this.attachNext(request, response, transferMethod, issue, mayBind, answer),
    );
    answer.last = attached.catch(() => undefined);
    return attached;
  }

  private async attachNext(
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header',
    issue: (how: LoginByRequest) => Promise<IssuedSession>,
    mayBind: boolean,
    answer: SessionsOfAnswer,
  ): Promise<SessionContainer> {
    const httpRequest = asHttpRequest(request);
    const httpResponse = asHttpResponse(response);
    if (areHeadersSent(httpResponse)) {
      throw new Error('the response has already been sent, so no session can be attached to it');
    }
    const before = answer.carried[transferMethod];
    const isBindingOffered = mayBind && this.binding.isMadeTo(httpRequest, transferMethod);
    const issueNext = () =>
      issue({
        login: this.logins.find(httpRequest),
        device: deviceOf(httpRequest, this.options),
        isBindingOffered,
        replacedHandles: before === undefined ? [] : [before],
        withAntiCsrfToken: this.options.antiCsrf === 'VIA_TOKEN' && transferMethod === 'cookie',
      });
    const issued = await endingOwnSession(request, issueNext, ({ ended = [] }) => ended);
    // A stale token of the other method would shadow the new session (SuperTokens' rule for both methods).
    this.writer.clearOther(httpRequest, httpResponse, transferMethod, {
      header: this.reader.bearerToken(httpRequest) !== undefined,
      cookie: this.reader.accessTokenCookies(httpRequest).length > 0,
    });
    this.writer.forgetActorToken(httpRequest, httpResponse);
    const session = this.containers.issued(issued);
    session.attachToRequestResponse(request, response, transferMethod);
    if (isBindingOffered) await this.binding.writeTo(httpResponse, session.getHandle());
    answer.carried = { ...answer.carried, [transferMethod]: session.getHandle() };
    rememberIssued(request, this.verification, session);
    return session;
  }

  /**
   * The same for a handler that logs its user in itself, with the prior checks of `@CreateSession`.
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
    this.refuseCrossSiteLogin(request, allowCrossSite);
    return this.limiter
      .aroundCreated(request, () => this.create(request, response, asked))
      .catch((error: unknown) => this.refusals.rethrow('login', error));
  }

  /**
   * Renews a session whose user has just proved their identity again. A new session with the same content replaces the
   * old one (ASVS 7.2.4).
   *
   * @throws {UnauthorizedSessionException} also if the session is another user's, or ends meanwhile; nothing changes
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
    if (session?.getActor() !== undefined)
      this.refusals.rethrow('login', this.refusals.impersonated(session));
    if (session === undefined || session.getUserId() !== userId) {
      const error = this.refusals.unauthorized('other-user', { clearTokens: false });
      this.refusals.rethrow('login', error);
    }
    const carriedBy =
      (await this.verification.transferMethodOf(request)) ??
      transferMethodForCreate(asHttpRequest(request), this.options);
    const handle = session.getHandle();
    return this.attach(request, response, carriedBy, async (how) => {
      const issued = await this.renewer.renew({ ...how, handle, userId });
      if (issued !== undefined) return issued;
      // No token is removed, because another answer may already have brought those of the renewed session.
      const over = { clearTokens: false, session: { sessionHandle: handle, userId } };
      return this.refusals.rethrow('login', this.refusals.unauthorized('session-over', over));
    });
  }

  /**
   * Refuses a login that another site's page embeds, such as an image. It would use up its visitor's limit.
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
   * Refuses a login that another site's page sends (login CSRF). It would log the user in as somebody else.
   *
   * @param allowCrossSite refuses an embedded login alone
   * @param byAnyMethod refuses links as well, because a resolver's login is not a page that somebody navigates to
   * @throws {CrossSiteRequestException}
   */
  refuseCrossSiteLogin(request: unknown, allowCrossSite = false, byAnyMethod = false): void {
    const { antiCsrf } = this.options;
    const httpRequest = asHttpRequest(request);
    this.refuseEmbeddedLogin(httpRequest);
    if (allowCrossSite || antiCsrf === 'NONE') return;
    if (!byAnyMethod && isFollowedLink(httpRequest)) return;
    if (antiCsrf === 'VIA_CUSTOM_HEADER' && hasCustomHeader(httpRequest, this.options)) return;
    if (isForeignLogin(httpRequest, this.options)) {
      this.warnings.ofPage(httpRequest);
      this.refusals.rethrow('login', new CrossSiteRequestException());
    }
  }
}
