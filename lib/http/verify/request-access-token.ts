import { Injectable, Inject } from '@nestjs/common';
import { SessionIssuerUnavailableException } from '../../errors/session-issuer-unavailable.exception.js';
import type { SessionException } from '../../errors/session.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../../options/resolved-options.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { SessionVerifier } from '../../session/verify/session-verifier.js';
import type { VerifiedToken } from '../../session/verify/verified-token-cache.js';
import { isBoundToDevice } from '../../tokens/access-token.js';
import type { HttpRequest } from '../context/http-request.js';
import { RequestTokens } from '../request-tokens.js';
import { SetupWarnings } from '../setup-warnings.js';
import { chooseAccessToken } from '../transport/access-token-choice.js';
import { transferMethodOf, type AuthenticValue } from '../transport/shown-values.js';
import { TokenReader } from '../transport/token-reader.js';

/** The effective token of a request. */
interface ChosenToken<T> {
  readonly token: T;
  readonly transferMethod: 'cookie' | 'header';
}

/** Finds the effective access token of a request. */
@Injectable()
export class RequestAccessToken {
  constructor(
    private readonly reader: TokenReader,
    private readonly tokens: RequestTokens,
    private readonly verifier: SessionVerifier,
    private readonly warnings: SetupWarnings,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {}

  /** The token of nearly every request, if it is evident without further checks. */
  usual(request: HttpRequest): ChosenToken<string> | undefined {
    const allowed = this.options.tokenTransferMethod(request, 'verify');
    const bearer = allowed === 'cookie' ? undefined : this.reader.bearerToken(request);
    if (bearer !== undefined && this.verifier.isAccessTokenLike(bearer)) {
      const known = this.verifier.isRemembered(bearer) ? this.verifier.read(bearer) : undefined;
      const isUsual = typeof known === 'object' && !isBoundToDevice(known.token.claims);
      return isUsual ? { token: bearer, transferMethod: 'header' } : undefined;
    }
    if (allowed === 'header') return undefined;
    const cookies = this.reader.accessTokenCookies(request);
    const [only] = cookies;
    if (cookies.length !== 1 || only === undefined || only === '') return undefined;
    return { token: only, transferMethod: 'cookie' };
  }

  /** Whether a request contains nothing that could be a token. */
  showsNone(request: HttpRequest): boolean {
    const allowed = this.options.tokenTransferMethod(request, 'verify');
    return this.reader.accessTokens(request, allowed).length === 0;
  }

  /**
   * The token of a request; `undefined` if it has none.
   *
   * @param sessionRequired if `false`, a token that no key of ours made counts as none, because anybody may have put it
   * there
   */
  async of(
    request: HttpRequest,
    { sessionRequired = true }: { readonly sessionRequired?: boolean } = {},
  ): Promise<ChosenToken<VerifiedToken> | undefined> {
    const allowed = this.options.tokenTransferMethod(request, 'verify');
    const chosen = chooseAccessToken(
      await this.tokens.access(request, allowed),
      (token) => this.verifier.isGood(token),
      (text) => this.verifier.isAccessTokenLike(text),
    );
    if (chosen.kind === 'none') return undefined;
    if (chosen.kind === 'invalid' && !sessionRequired) return undefined;
    // A retired key may have made it: a user who comes back after weeks should refresh, and not become a guest.
    if (chosen.kind === 'invalid' || chosen.kind === 'outdated')
      throw this.refusals.tryRefresh('access-token-invalid');
    if (chosen.kind === 'ambiguous') throw this.ambiguous(chosen.cookie);
    const { rivals } = chosen;
    const rival = rivals.length === 0 ? undefined : await this.livingAmong(rivals);
    if (rival !== undefined && rival.cookie === chosen.value.cookie) {
      throw this.ambiguous(rival.cookie);
    }
    // From a place before it, an expired token gets its refusal, and its session is refreshed.
    const value = rival ?? chosen.value;
    const transferMethod = transferMethodOf(value);
    // A header is not bound to the device, so its token may be a copy of the cookie.
    if (transferMethod === 'header' && isBoundToDevice(value.token.claims)) {
      throw this.refusals.tryRefresh('bound-session-in-header');
    }
    return { token: value.token, transferMethod };
  }

  private ambiguous(cookie: string | undefined): SessionException {
    if (cookie !== undefined) this.warnings.ofTwoSessions(cookie);
    return this.refusals.tryRefresh('access-token-ambiguous');
  }

  // An expired token of the user's own session must not give way to one that a sibling host has planted. One of a
  // session that is over is a leftover, which keeps nobody out. In an outage it counts as living, and as a leftover where
  // there are no rows: only the issuer could remove it.
  private async livingAmong(
    rivals: readonly AuthenticValue<VerifiedToken>[],
  ): Promise<AuthenticValue<VerifiedToken> | undefined> {
    for (const rival of rivals) {
      const { claims } = rival.token;
      if (this.verifier.isEnded(claims)) continue;
      const isLiving = this.verifier.findLiveSession(claims).then(
        (record) => record !== undefined,
        (error: unknown) => !(error instanceof SessionIssuerUnavailableException),
      );
      if (await isLiving) return rival;
    }
    return undefined;
  }
}
