import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import type { SessionService } from '../session.service.js';
import type { SessionContainer } from '../session/container/session-container.js';

/**
 * A session for a test to act in. It sends the session's current tokens, which a refresh or a merge changes.
 *
 * @publicApi
 */
export class TestSession {
  private refreshToken: string;
  private current: SessionContainer;

  /** @internal made by `actingAs` */
  constructor(
    session: SessionContainer,
    private readonly sessions: SessionService,
    private readonly options: ResolvedSessionOptions,
  ) {
    this.current = session;
    this.refreshToken = session.getAllSessionTokensDangerously().refreshToken ?? '';
  }

  get session(): SessionContainer {
    return this.current;
  }

  get userId(): string {
    return this.current.getUserId();
  }

  /** The headers of a request in this session, for `.set(headers)` or `fetch(url, { headers })`. */
  get headers(): { authorization: string } {
    return { authorization: `Bearer ${this.current.getAccessToken()}` };
  }

  /** The same for a request to the refresh route. */
  get refreshHeaders(): { authorization: string; 'st-auth-mode': 'header' } {
    return { authorization: `Bearer ${this.refreshToken}`, 'st-auth-mode': 'header' };
  }

  /** The header `cookie` of a browser with this session: both tokens, under the Secure cookies' names. */
  get cookie(): string {
    const { accessToken, refreshToken } = this.options.cookie;
    const access = `${accessToken.secureName}=${this.current.getAccessToken()}`;
    return `${access}; ${refreshToken.secureName}=${this.refreshToken}`;
  }

  /** The header `anti-csrf` to send with the cookies, with `antiCsrf: 'VIA_TOKEN'`. */
  get antiCsrfToken(): string | undefined {
    return this.current.getAllSessionTokensDangerously().antiCsrfToken;
  }

  /**
   * Refreshes the session as its client would.
   *
   * @throws {UnauthorizedSessionException} if it is revoked or over
   */
  async refresh(): Promise<void> {
    this.current = await this.sessions.refreshSessionWithoutRequestResponse(
      this.refreshToken,
      false,
      this.antiCsrfToken,
    );
    const { refreshToken } = this.current.getAllSessionTokensDangerously();
    if (refreshToken !== undefined) this.refreshToken = refreshToken;
  }

  /** Ends the session, as an administrator would. */
  async revoke(): Promise<void> {
    await this.sessions.revokeSession(this.current.getHandle());
  }

  /** Marks the user's claims as changed: the next request fetches the registered ones again. */
  async markClaimsStale(): Promise<void> {
    await this.sessions.markClaimsStale(this.userId);
  }
}
