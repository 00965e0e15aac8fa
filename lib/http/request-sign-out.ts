import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RefreshTokenAuthenticator } from '../session/refresh/refresh-token-authenticator.js';
import { SessionRevoker } from '../session/end/session-revoker.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { SessionLife } from '../session/verify/session-life.js';
import type { TokenTransferMethod } from '../options/session-module-options.js';
import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { asHttpRequest, type HttpRequest } from './context/http-request.js';
import {
  RequestFormerTokens,
  type FormerTokens,
  type NamedSession,
} from './request-former-tokens.js';
import { endingOwnSession } from './current-session.js';
import { asHttpResponse, type HttpResponse } from './context/http-response.js';
import { RequestRefreshTokens } from './refresh/request-refresh-tokens.js';
import { RequestTokens } from './request-tokens.js';
import { transferMethodOf } from './transport/shown-values.js';
import { TokenReader } from './transport/token-reader.js';
import { TokenWriter } from './transport/token-writer.js';

const SIGN_OUT = { reason: 'sign-out', isByHolder: true } as const;

/** A session that a token of the request names, and whether the request proves that no other site sent it. */
interface SignedIn extends NamedSession {
  readonly transferMethod: 'cookie' | 'header';
  readonly hasAntiCsrfToken: (presented: string | undefined) => boolean;
}

/** Ends the sessions of a request, as far as its tokens still name them (ASVS 7.4.1). */
@Injectable()
export class RequestSignOut {
  constructor(
    private readonly reader: TokenReader,
    private readonly tokens: RequestTokens,
    private readonly refreshTokens: RequestRefreshTokens,
    private readonly formerTokens: RequestFormerTokens,
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly life: SessionLife,
    private readonly revoker: SessionRevoker,
    private readonly writer: TokenWriter,
    private readonly antiCsrf: AntiCsrf,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * A session that is already over, or a missing one, is signed out too.
   *
   * @throws {UnauthorizedSessionException} if another site's page may have sent the request; nothing changes
   * @throws {TryRefreshTokenException} if a refresh must tell first which session it is; nothing changes
   * @throws {SessionStoreUnavailableException}
   */
  async signOut(request: unknown, response: unknown): Promise<void> {
    try {
      await this.endSession(request, response);
    } catch (error) {
      this.refusals.rethrow('sign-out', error);
    }
  }

  private async endSession(request: unknown, response: unknown): Promise<void> {
    const httpRequest = asHttpRequest(request);
    const httpResponse = asHttpResponse(response);
    const allowed = this.options.tokenTransferMethod(httpRequest, 'verify');
    const signedIn = await this.sessionsOf(httpRequest, allowed);
    const former = await this.formerTokens.of(httpRequest);
    const actors = await this.actorsOf(httpRequest);
    const waiting = [...actors, ...(await this.handlesIn(former.sessions))];
    if (signedIn.length === 0) {
      if (actors.length === 0 && (await this.mayRefresh(httpRequest, allowed))) {
        throw this.refusals.tryRefresh('access-token-invalid');
      }
      this.refuseUnreadable(httpRequest, allowed);
      if (!this.antiCsrf.provesOwnPage(httpRequest)) return;
      await this.revoker.revoke(waiting, SIGN_OUT);
      this.forgetAll(httpRequest, httpResponse, former);
      return;
    }
    const proven = signedIn.filter(
      (each) => each.transferMethod === 'header' || this.isAllowed(httpRequest, each),
    );
    if (proven.length === 0) {
      this.antiCsrf.reportFailure('sign-out');
      throw this.refusals.unauthorized('anti-csrf', { clearTokens: false });
    }
    // Someone who acts as somebody else signs out as both: nobody must be able to return to an abandoned browser.
    const handles = [...(await this.handlesIn(proven)), ...waiting];
    const revoke = () => this.revoker.revoke(handles, SIGN_OUT);
    await endingOwnSession(request, revoke, () => handles);
    this.forgetAll(httpRequest, httpResponse, former);
  }

  private forgetAll(request: HttpRequest, response: HttpResponse, former: FormerTokens): void {
    this.writer.clearAll(request, response);
    this.writer.forgetActorToken(request, response);
    this.formerTokens.remove(former, request, response);
  }

  private async actorsOf(request: HttpRequest): Promise<string[]> {
    return (await this.refreshTokens.actors(request)).map(({ claims }) => claims.sessionHandle);
  }

  /** Whether a request with cookie tokens proves that one of our own pages sent it. */
  async isProven(request: HttpRequest): Promise<boolean> {
    if (!this.antiCsrf.isByToken) return this.antiCsrf.isAllowed(request);
    const signedIn = await this.sessionsOf(request, 'cookie');
    // Once a session is over, its page has no anti-CSRF token any more.
    if (signedIn.length === 0) return this.antiCsrf.provesOwnPage(request);
    return signedIn.some((each) => this.isAllowed(request, each));
  }

  /** The handles that a request's tokens name, and that a new login on it replaces. Forged tokens name none. */
  async handlesOf(request: HttpRequest, former: FormerTokens): Promise<string[]> {
    const signedIn = await this.sessionsOf(request, 'any');
    const handles = await this.handlesIn([...signedIn, ...former.sessions]);
    return [...handles, ...(await this.actorsOf(request))];
  }

  private async handlesIn(sessions: readonly NamedSession[]): Promise<string[]> {
    const handles = [...new Set(sessions.map(({ handle }) => handle))];
    const said = sessions.filter(({ actorHandle }) => actorHandle !== undefined);
    const unsaid = handles.filter((each) => !said.some(({ handle }) => handle === each));
    const rows = unsaid.length === 0 ? [] : (await this.life.heldRows(unsaid)).values();
    const actors = [
      ...said.map(({ actorHandle }) => actorHandle),
      ...[...rows].map(({ row }) => row.actor?.handle),
    ];
    return [...handles, ...actors.filter((handle) => typeof handle === 'string')];
  }

  // The access token may be of a retired key, and its refresh token with the client. One that came along would have
  // counted if it were good.
  private async mayRefresh(request: HttpRequest, allowed: TokenTransferMethod): Promise<boolean> {
    const { unknown } = await this.tokens.access(request, allowed);
    const hasShownAll = this.reader.refreshTokenCookies(request).length > 0;
    return unknown.some(({ cookie }) => cookie === undefined || !hasShownAll);
  }

  // The user takes a sign-out for the end of the session. So one that goes on is an error, and keeps its cookies.
  private refuseUnreadable(request: HttpRequest, allowed: TokenTransferMethod): void {
    const shown = [
      ...this.reader.refreshTokens(request, allowed),
      ...this.reader.actorTokens(request),
    ];
    const outage = this.authenticator.outage(shown.map(({ text }) => text));
    if (outage !== undefined) throw outage;
  }

  private isAllowed(request: HttpRequest, signedIn: SignedIn): boolean {
    return this.antiCsrf.isByToken
      ? signedIn.hasAntiCsrfToken(this.antiCsrf.presentedToken(request))
      : this.antiCsrf.isAllowed(request);
  }

  private async sessionsOf(
    request: HttpRequest,
    allowed: TokenTransferMethod,
  ): Promise<SignedIn[]> {
    const access = await this.tokens.access(request, allowed);
    const refresh = await this.refreshTokens.of(request, allowed);
    return [
      ...access.authentic.map((value) => ({
        handle: value.token.claims.sessionHandle,
        transferMethod: transferMethodOf(value),
        actorHandle: value.token.claims.act?.sid ?? null,
        hasAntiCsrfToken: (presented: string | undefined) =>
          this.antiCsrf.matches(value.token.claims.antiCsrfToken, presented),
      })),
      ...refresh.authentic.map((value) => ({
        handle: value.token.claims.sessionHandle,
        transferMethod: transferMethodOf(value),
        hasAntiCsrfToken: (presented: string | undefined) =>
          this.authenticator.hasAntiCsrfToken(value.token, presented),
      })),
    ];
  }
}
