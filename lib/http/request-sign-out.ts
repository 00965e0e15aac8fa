import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RefreshTokenAuthenticator } from '../session/refresh/refresh-token-authenticator.js';
import { RefreshTokenChooser } from '../session/refresh/refresh-token-chooser.js';
import { SessionRevoker } from '../session/end/session-revoker.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { SessionVerifier } from '../session/verify/session-verifier.js';
import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { asHttpRequest, type HttpRequest } from './context/http-request.js';
import { asHttpResponse } from './context/http-response.js';
import {
  chooseAccessToken,
  chooseRefreshToken,
  type ChosenToken,
} from './transport/token-choice.js';
import { TokenReader } from './transport/token-reader.js';
import { TokenWriter } from './transport/token-writer.js';

/** The session that a request speaks for, and whether it proves that no other site sent it. */
interface SignedIn {
  readonly handle: string;
  readonly transferMethod: 'cookie' | 'header';
  readonly hasAntiCsrfToken: (presented: string | undefined) => boolean;
}

/** Ends the session of a request, whatever is left of its tokens (ASVS 7.4.1). */
@Injectable()
export class RequestSignOut {
  constructor(
    private readonly verifier: SessionVerifier,
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly chooser: RefreshTokenChooser,
    private readonly revoker: SessionRevoker,
    private readonly reader: TokenReader,
    private readonly writer: TokenWriter,
    private readonly antiCsrf: AntiCsrf,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * A session that is over already, or none at all, is signed out too.
   *
   * @throws {UnauthorizedSessionException} where another site's page may have sent the request; nothing changes
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
    const signedIn = await this.findSession(httpRequest);
    if (signedIn === undefined) {
      if (this.antiCsrf.provesSameOrigin(httpRequest))
        this.writer.clearAll(httpRequest, httpResponse);
      return;
    }
    if (signedIn.transferMethod === 'cookie' && !this.isAllowed(httpRequest, signedIn)) {
      this.antiCsrf.reportFailure('sign-out');
      throw this.refusals.unauthorized('anti-csrf', { clearTokens: false });
    }
    await this.revoker.revoke([signedIn.handle], { reason: 'sign-out' });
    this.writer.clearAll(httpRequest, httpResponse);
  }

  /** The handles that a request's tokens speak for: what a new login on it replaces. Forged tokens speak for none. */
  async handlesOf(request: HttpRequest): Promise<string[]> {
    const bearer = this.reader.bearerToken(request);
    const access = [
      chooseAccessToken('header', bearer, []),
      chooseAccessToken('cookie', undefined, this.reader.accessTokenCookies(request)),
    ];
    const refreshCookies = await this.chooser.choose(
      this.reader.refreshTokenCookiesByName(request),
    );
    const refresh = chooseRefreshToken('cookie', undefined, refreshCookies);
    const handles = await Promise.all([
      ...access.map(async (chosen) => (await this.byAccessToken(chosen))?.handle),
      this.byRefreshToken(refresh).then((found) => found?.handle),
    ]);
    return [...new Set(handles.filter((handle) => handle !== undefined))];
  }

  private isAllowed(request: HttpRequest, signedIn: SignedIn): boolean {
    return this.antiCsrf.isByToken
      ? signedIn.hasAntiCsrfToken(this.antiCsrf.presentedToken(request))
      : this.antiCsrf.isAllowed(request);
  }

  private async findSession(request: HttpRequest): Promise<SignedIn | undefined> {
    const allowed = this.options.tokenTransferMethod(request, 'verify');
    const bearer = this.reader.bearerToken(request);
    const access = chooseAccessToken(allowed, bearer, this.reader.accessTokenCookies(request));
    const refreshCookies = await this.chooser.choose(
      this.reader.refreshTokenCookiesByName(request),
    );
    const refresh = chooseRefreshToken(allowed, bearer, refreshCookies);
    return (await this.byAccessToken(access)) ?? (await this.byRefreshToken(refresh));
  }

  private async byAccessToken(chosen: ChosenToken): Promise<SignedIn | undefined> {
    if (chosen.kind !== 'token') return undefined;
    const claims = await this.verifier.identify(chosen.token);
    return (
      claims && {
        handle: claims.sessionHandle,
        transferMethod: chosen.transferMethod,
        hasAntiCsrfToken: (presented) => this.antiCsrf.matches(claims.antiCsrfToken, presented),
      }
    );
  }

  private async byRefreshToken(chosen: ChosenToken): Promise<SignedIn | undefined> {
    if (chosen.kind !== 'token') return undefined;
    const token = await this.authenticator.authenticate(chosen.token);
    return (
      token && {
        handle: token.claims.sessionHandle,
        transferMethod: chosen.transferMethod,
        hasAntiCsrfToken: (presented) => this.authenticator.hasAntiCsrfToken(token, presented),
      }
    );
  }
}
