import { Injectable } from '@nestjs/common';
import type { TokenTransferMethod } from '../../options/session-module-options.js';
import {
  RefreshTokenAuthenticator,
  type AuthenticRefreshToken,
} from '../../session/refresh/refresh-token-authenticator.js';
import type { HttpRequest } from '../context/http-request.js';
import { RequestTokens } from '../request-tokens.js';
import type { JudgedValues } from '../transport/shown-values.js';
import { TokenReader } from '../transport/token-reader.js';

/** Finds our refresh tokens in a request, including those of sessions that are over. */
@Injectable()
export class RequestRefreshTokens {
  constructor(
    private readonly reader: TokenReader,
    private readonly tokens: RequestTokens,
    private readonly authenticator: RefreshTokenAuthenticator,
  ) {}

  of(
    request: HttpRequest,
    allowed: TokenTransferMethod,
  ): Promise<JudgedValues<AuthenticRefreshToken>> {
    const shown = this.reader.refreshTokens(request, allowed);
    return this.tokens.judge(shown, this.authenticator, () => false);
  }

  /** The newest one that the cookies show of a session. */
  async newestInCookie(
    request: HttpRequest,
    sessionHandle: string,
  ): Promise<AuthenticRefreshToken | undefined> {
    const { authentic } = await this.of(request, 'cookie');
    const [newest] = authentic
      .map(({ token }) => token)
      .filter(({ claims }) => claims.sessionHandle === sessionHandle)
      .toSorted((a, b) => b.claims.generation - a.claims.generation);
    return newest;
  }

  /** The waiting tokens of users who act as somebody else. */
  async actors(request: HttpRequest): Promise<readonly AuthenticRefreshToken[]> {
    const shown = this.reader.actorTokens(request);
    if (shown.length === 0) return [];
    const { authentic } = await this.tokens.judge(shown, this.authenticator, () => false);
    return authentic.map(({ token }) => token);
  }
}
