import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { Clock } from '../../time/clock.js';
import { decideRotation } from '../../tokens/rotation.js';
import type { AuthenticRefreshToken } from './refresh-token-authenticator.js';
import { SessionLife } from '../verify/session-life.js';

interface LiveToken {
  readonly token: AuthenticRefreshToken;
  readonly createdAtMs: number;
}

/**
 * Chooses one of several authentic refresh tokens to answer. A token that its session has left behind is no sign of
 * theft if another one is good: it may remain from other cookie options.
 */
@Injectable()
export class RefreshTokenChooser {
  constructor(
    private readonly life: SessionLife,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * The newest token of the one session that lives. If one cookie name has several live sessions, the youngest counts
   * with `olderDomain`, because the last login counts. Otherwise there is no choice, because a guess could pick another
   * user's session.
   *
   * @param places the tokens by their places, the most important place first, and no place empty
   * @returns `undefined` if it can't be decided
   */
  async choose(
    places: readonly (readonly AuthenticRefreshToken[])[],
  ): Promise<AuthenticRefreshToken | undefined> {
    const [first, ...others] = newestOfEachSession(places.flat());
    if (others.length === 0) return first;
    for (const tokens of places) {
      const [youngest, ...more] = await this.live(newestOfEachSession(tokens));
      if (youngest === undefined) continue;
      const isCertain = more.length === 0 || this.options.cookie.olderDomain !== undefined;
      return isCertain ? youngest.token : undefined;
    }
    return first;
  }

  private async live(tokens: readonly AuthenticRefreshToken[]): Promise<LiveToken[]> {
    const found = await Promise.all(tokens.map((token) => this.liveToken(token)));
    return found
      .filter((each) => each !== undefined)
      .toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  }

  private async liveToken(token: AuthenticRefreshToken): Promise<LiveToken | undefined> {
    const session = await this.life.findLive(token.claims.sessionHandle);
    if (session === undefined) return undefined;
    const { refreshGracePeriodMs } = this.options;
    const decision = decideRotation(token.claims, session, refreshGracePeriodMs, this.clock.now());
    return decision === 'reuse' ? undefined : { token, createdAtMs: session.createdAtMs };
  }
}

function newestOfEachSession(tokens: readonly AuthenticRefreshToken[]): AuthenticRefreshToken[] {
  const newest = new Map<string, AuthenticRefreshToken>();
  for (const token of tokens) {
    const { sessionHandle, generation } = token.claims;
    const known = newest.get(sessionHandle);
    if (known === undefined || known.claims.generation < generation) {
      newest.set(sessionHandle, token);
    }
  }
  return [...newest.values()];
}
