import { Inject, Injectable } from '@nestjs/common';
import {
  CHALLENGE_HEADER,
  challengeHeader,
  PROOF_HEADER,
  readHeaderText,
  SESSION_ID_HEADER,
} from '../../binding/header-text.js';
import {
  sessionInstructions,
  type SessionInstructions,
} from '../../binding/session-instructions.js';
import { CrossSiteRequestException } from '../../errors/cross-site-request.exception.js';
import { TooManyRequestsException } from '../../errors/too-many-requests.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { DeviceProver } from '../../session/bind/device-prover.js';
import { DeviceRegistrar } from '../../session/bind/device-registrar.js';
import type { IssuedSession } from '../../session/issue/session-issuer.js';
import type { AuthenticRefreshToken } from '../../session/refresh/refresh-token-authenticator.js';
import { RefreshTokenChooser } from '../../session/refresh/refresh-token-chooser.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { SessionVerifier } from '../../session/verify/session-verifier.js';
import type { VerifiedToken } from '../../session/verify/verified-token-cache.js';
import { isSessionHandle } from '../../tokens/session-handle.js';
import { isCrossSite } from '../anti-csrf/fetch-metadata.js';
import { BindingOffer } from './binding-offer.js';
import { deviceOf } from '../context/device-reader.js';
import { asHttpRequest, headerOf, type HttpRequest } from '../context/http-request.js';
import { asHttpResponse, setHeader, type HttpResponse } from '../context/http-response.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestAccessToken } from '../verify/request-access-token.js';
import { RequestRefreshTokens } from '../refresh/request-refresh-tokens.js';
import { RequestTokens } from '../request-tokens.js';
import { keepOutOfCachesFinally } from '../transport/no-store.js';
import type { JudgedValues } from '../transport/shown-values.js';
import { TokenWriter } from '../transport/token-writer.js';

/** The answer to a browser that binds a session or proves its key. */
export interface BindingAnswer {
  /** 404 without `deviceBinding`. */
  readonly status: 200 | 403 | 404;
  /** `undefined`: an empty body. */
  readonly body: SessionInstructions | undefined;
}

/** Our tokens in a request, including those of sessions that are over. */
interface ShownTokens {
  readonly access: readonly VerifiedToken[];
  readonly refresh: readonly AuthenticRefreshToken[];
}

/** Answers the requests with which browsers bind sessions to their device, and refresh them. */
@Injectable()
export class RequestBinding {
  constructor(
    private readonly registrar: DeviceRegistrar,
    private readonly prover: DeviceProver,
    private readonly offer: BindingOffer,
    private readonly accessTokens: RequestAccessToken,
    private readonly tokens: RequestTokens,
    private readonly refreshTokens: RequestRefreshTokens,
    private readonly chooser: RefreshTokenChooser,
    private readonly writer: TokenWriter,
    private readonly verifier: SessionVerifier,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * @throws {UnauthorizedSessionException}
   * @throws {TryRefreshTokenException} if a registration shows no good access token
   * @throws {DeviceProofRefusedException}
   * @throws {DeviceProofMissingException} (503) if the browser must come again with its cookies
   * @throws {TooManyRequestsException} with 503, because browsers give up a session for any other status
   * @throws {SessionStoreUnavailableException}
   */
  async answer(request: unknown, response: unknown): Promise<BindingAnswer> {
    try {
      const httpRequest = asHttpRequest(request);
      const httpResponse = asHttpResponse(response);
      // No page's script sends these requests, so another site's page can't be involved.
      if (this.options.antiCsrf !== 'NONE' && isCrossSite(httpRequest, this.options)) {
        throw new CrossSiteRequestException();
      }
      let shown: Promise<ShownTokens> | undefined;
      const judge = () => (shown ??= this.shownTokens(httpRequest));
      return await this.limiter.aroundRefresh(
        request,
        () => this.answerAdmitted(httpRequest, httpResponse, judge),
        () => judge().then(({ access, refresh }) => access.length + refresh.length > 0),
      );
    } catch (error) {
      if (error instanceof TooManyRequestsException) error.answerWith(503);
      return this.refusals.rethrow('bind', error);
    }
  }

  private answerAdmitted(
    request: HttpRequest,
    response: HttpResponse,
    judge: () => Promise<ShownTokens>,
  ): Promise<BindingAnswer> {
    keepOutOfCachesFinally(response);
    const named = headerOf(request, SESSION_ID_HEADER);
    if (this.options.deviceBinding === false) return this.letGo(named, judge);
    return named === undefined
      ? this.register(request, response)
      : this.refresh(request, response, readHeaderText(named), judge);
  }

  // For a 404 the browser forgets its key. Other instances may have the option already, so its session must go on
  // unbound.
  private async letGo(
    named: string | undefined,
    judge: () => Promise<ShownTokens>,
  ): Promise<BindingAnswer> {
    const handle = named === undefined ? undefined : readHeaderText(named);
    if (isSessionHandle(handle)) {
      await this.prover.letGo(handle, await this.ownRefreshToken(await judge(), handle));
    }
    return { status: 404, body: undefined };
  }

  private async register(request: HttpRequest, response: HttpResponse): Promise<BindingAnswer> {
    const chosen = await this.accessTokens.of(request);
    const isSecure = this.writer.boundCookieFor(request) !== undefined;
    if (chosen?.transferMethod !== 'cookie' || !isSecure) {
      throw this.refusals.unauthorized('no-access-token', { clearTokens: false });
    }
    const { claims } = chosen.token;
    // A proof is worth no more than the token beside it: both may have been copied.
    if (!this.verifier.isGood(chosen.token)) {
      const { sessionHandle, sub: userId } = claims;
      const reason = this.verifier.isEnded(claims) ? 'session-revoked' : 'access-token-expired';
      throw this.refusals.tryRefresh(reason, { sessionHandle, userId });
    }
    const presented = headerOf(request, PROOF_HEADER);
    const registration = await this.registrar.register(claims, presented);
    if (registration.kind === 'try again') {
      this.offer.write(response, registration.challenge);
      return { status: 403, body: undefined };
    }
    return this.answerBound(request, response, registration);
  }

  private async refresh(
    request: HttpRequest,
    response: HttpResponse,
    handle: string | undefined,
    judge: () => Promise<ShownTokens>,
  ): Promise<BindingAnswer> {
    if (!isSessionHandle(handle)) throw this.over();
    const refreshToken = await this.ownRefreshToken(await judge(), handle);
    const { issued, challenge } = await this.prover.refresh({
      handle,
      presented: headerOf(request, PROOF_HEADER),
      refreshToken,
      device: deviceOf(request, this.options),
    });
    if (issued !== undefined) return this.answerBound(request, response, { issued, challenge });
    setHeader(response, CHALLENGE_HEADER, challengeHeader(challenge, handle));
    return { status: 403, body: undefined };
  }

  // Each proof brings the instructions again, because the options may have changed since the last one.
  private answerBound(
    request: HttpRequest,
    response: HttpResponse,
    { issued, challenge }: { readonly issued: IssuedSession; readonly challenge: string },
  ): BindingAnswer {
    const { handle } = issued.record;
    this.writer.write(request, response, issued.tokens, 'cookie');
    setHeader(response, CHALLENGE_HEADER, challengeHeader(challenge, handle));
    const cookie = this.writer.boundCookieFor(request);
    const body = cookie && sessionInstructions(handle, cookie, this.options.trustedOrigins);
    return { status: 200, body };
  }

  // The only cookies belong to another session: the user has logged in again, but the browser still remembers the
  // former session. Its cookie would replace the new one's.
  private async ownRefreshToken(
    { access, refresh }: ShownTokens,
    handle: string,
  ): Promise<AuthenticRefreshToken | undefined> {
    const own = refresh.filter(({ claims }) => claims.sessionHandle === handle);
    if (own.length > 0) return (await this.chooser.choose([own])).token;
    const others = [...access, ...refresh];
    if (others.some(({ claims }) => claims.sessionHandle === handle)) return undefined;
    if (others.length > 0) throw this.over();
    return undefined;
  }

  private async shownTokens(request: HttpRequest): Promise<ShownTokens> {
    const access = await this.tokens.access(request, 'cookie');
    const refresh = await this.refreshTokens.of(request, 'cookie');
    return { access: tokensIn(access), refresh: tokensIn(refresh) };
  }

  private over(): Error {
    return this.refusals.unauthorized('session-over', { clearTokens: false });
  }
}

function tokensIn<T>({ authentic }: JudgedValues<T>): T[] {
  return authentic.map(({ token }) => token);
}
