import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RefreshTokenAuthenticator } from '../session/refresh/refresh-token-authenticator.js';
import { SessionRevoker } from '../session/end/session-revoker.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import type { TokenTransferMethod } from '../options/session-module-options.js';
import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { asHttpRequest, type HttpRequest } from './context/http-request.js';
import { asHttpResponse } from './context/http-response.js';
import { RequestTokens } from './request-tokens.js';
import { transferMethodOf } from './transport/shown-values.js';
import { TokenWriter } from './transport/token-writer.js';

/** A session that a token of the request speaks of, and whether the request proves that no other site sent it. */
interface SignedIn {
  readonly handle: string;
  readonly transferMethod: 'cookie' | 'header';
  readonly hasAntiCsrfToken: (presented: string | undefined) => boolean;
}

/** Ends the sessions of a request, whatever is left of their tokens (ASVS 7.4.1). */
@Injectable()
export class RequestSignOut {
  constructor(
    private readonly tokens: RequestTokens,
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly revoker: SessionRevoker,
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
    const allowed = this.options.tokenTransferMethod(httpRequest, 'verify');
    const signedIn = await this.sessionsOf(httpRequest, allowed);
    if (signedIn.length === 0) {
      if (this.antiCsrf.provesOwnPage(httpRequest)) this.writer.clearAll(httpRequest, httpResponse);
      return;
    }
    const proven = signedIn.filter(
      (each) => each.transferMethod === 'header' || this.isAllowed(httpRequest, each),
    );
    if (proven.length === 0) {
      this.antiCsrf.reportFailure('sign-out');
      throw this.refusals.unauthorized('anti-csrf', { clearTokens: false });
    }
    await this.revoker.revoke(handlesIn(proven), { reason: 'sign-out' });
    this.writer.clearAll(httpRequest, httpResponse);
  }

  /** The handles that a request's tokens speak for: what a new login on it replaces. Forged tokens speak for none. */
  async handlesOf(request: HttpRequest): Promise<string[]> {
    return handlesIn(await this.sessionsOf(request, 'any'));
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
    const refresh = await this.tokens.refresh(request, allowed);
    return [
      ...access.authentic.map((value) => ({
        handle: value.token.claims.sessionHandle,
        transferMethod: transferMethodOf(value),
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

function handlesIn(sessions: readonly SignedIn[]): string[] {
  return [...new Set(sessions.map(({ handle }) => handle))];
}
