import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../store/clock-correction.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import { decideRotation } from '../../tokens/rotation.js';
import type { AuthenticRefreshToken } from './refresh-token-authenticator.js';
import { SessionLife } from '../verify/session-life.js';
import { TokenTheft } from './token-theft.js';

/** A token of a session that lives. */
interface JudgedToken {
  readonly token: AuthenticRefreshToken;
  readonly session: SessionRecord;
  /** Whether the session has left the token behind. */
  readonly isReused: boolean;
}

/**
 * Chooses one of several authentic refresh tokens to answer. A token that its session has left behind is no sign of
 * theft if a newer one of the session is there: it may remain from other cookie options.
 */
@Injectable()
export class RefreshTokenChooser {
  constructor(
    private readonly life: SessionLife,
    private readonly theft: TokenTheft,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * The newest token of the one session that lives. If one cookie name has several live sessions, the youngest counts
   * with `olderDomain`, because the last login counts. Otherwise there is no choice, because a guess could pick another
   * user's session.
   *
   * A spent token of another session ends that session. A good one beside it would otherwise let a thief test stolen
   * tokens in silence.
   *
   * @param places the tokens by their places, the most important place first, and no place empty
   * @returns `undefined` if it can't be decided
   */
  async choose(
    places: readonly (readonly AuthenticRefreshToken[])[],
  ): Promise<AuthenticRefreshToken | undefined> {
    const newest = newestOfEachSession(places.flat());
    const [first, ...others] = newest;
    if (others.length === 0) return first;
    const reused: JudgedToken[] = [];
    for (const tokens of places) {
      const judged = await this.judge(newestOfEachSession(tokens));
      reused.push(...judged.filter(({ token, isReused }) => isReused && newest.includes(token)));
      const [youngest, ...more] = judged.filter(({ isReused }) => !isReused);
      if (youngest === undefined) continue;
      await this.endAll(reused);
      const isCertain = more.length === 0 || this.options.cookie.olderDomain !== undefined;
      return isCertain ? youngest.token : undefined;
    }
    const [answered, ...beside] = reused;
    await this.endAll(beside);
    return answered?.token ?? first;
  }

  /** The tokens of live sessions, the youngest session first. */
  private async judge(tokens: readonly AuthenticRefreshToken[]): Promise<JudgedToken[]> {
    const judged = await Promise.all(tokens.map((token) => this.judged(token)));
    return judged
      .filter((each) => each !== undefined)
      .toSorted((a, b) => b.session.createdAtMs - a.session.createdAtMs);
  }

  private async judged(token: AuthenticRefreshToken): Promise<JudgedToken | undefined> {
    const session = await this.life.findLive(token.claims.sessionHandle);
    if (session === undefined) return undefined;
    const { refreshGracePeriodMs } = this.options;
    const decision = decideRotation(token.claims, session, refreshGracePeriodMs, this.clock.now());
    const isReused = decision === 'reuse';
    // A clock that has jumped ahead would make an honest client a thief.
    if (isReused && (await this.clockCorrection.measureWhenDue())) return this.judged(token);
    return { token, session, isReused };
  }

  private async endAll(reused: readonly JudgedToken[]): Promise<void> {
    for (const { session, token } of reused) await this.theft.endBeside(session, token.claims);
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
