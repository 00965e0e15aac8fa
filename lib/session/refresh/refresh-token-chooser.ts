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
import { ArrivalQueue } from '../verify/arrival-queue.js';
import { SessionLife } from '../verify/session-life.js';

/** A token of a session that lives. */
export interface JudgedToken {
  readonly token: AuthenticRefreshToken;
  readonly session: SessionRecord;
  /** Whether the session has left the token behind. */
  readonly isSpent: boolean;
}

/** Which of several tokens is answered. */
export interface TokenChoice {
  /** `undefined` if it can't be decided. */
  readonly token: AuthenticRefreshToken | undefined;
  /** Spent tokens of other sessions that live. */
  readonly spentBeside: readonly JudgedToken[];
}

/**
 * Chooses one of several authentic refresh tokens to answer. A token that its session has left behind is no sign of
 * theft if a newer one of the session is there: it may remain from other cookie options.
 */
@Injectable()
export class RefreshTokenChooser {
  constructor(
    private readonly life: SessionLife,
    private readonly arrivals: ArrivalQueue,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * The newest token of the one session that lives. If one cookie name has several live sessions, the youngest counts
   * with `olderDomain`, because the last login counts. Otherwise there is no choice, because a guess could pick another
   * user's session.
   *
   * @param places the tokens by their places, the most important place first, and no place empty
   * @param waiting tokens of sessions that wait while their user acts as somebody else. None of them is chosen
   */
  async choose(
    places: readonly (readonly AuthenticRefreshToken[])[],
    waiting: readonly AuthenticRefreshToken[] = [],
  ): Promise<TokenChoice> {
    const shown = places.flat();
    const newest = newestOfEachSession([...shown, ...waiting]);
    const [only, ...others] = newestOfEachSession(shown);
    if (others.length === 0 && (only === undefined || newest.includes(only))) {
      return { token: only, spentBeside: [] };
    }
    const judged: JudgedToken[][] = [];
    for (const tokens of places) judged.push(await this.judgeAll(newestOfEachSession(tokens)));
    const spent = judged.flat().filter(({ token, isSpent }) => isSpent && newest.includes(token));
    const good = judged.map((place) => place.filter(({ isSpent }) => !isSpent));
    const [youngest, ...more] = good.find((place) => place.length > 0) ?? [];
    if (youngest === undefined) {
      const [answered, ...spentBeside] = spent;
      const over = shown.find((token) => newest.includes(token));
      return { token: answered?.token ?? over, spentBeside };
    }
    const isCertain = more.length === 0 || this.options.cookie.olderDomain !== undefined;
    return { token: isCertain ? youngest.token : undefined, spentBeside: spent };
  }

  /** The tokens of live sessions, the youngest session first. */
  private async judgeAll(tokens: readonly AuthenticRefreshToken[]): Promise<JudgedToken[]> {
    const judged = await Promise.all(tokens.map((token) => this.judge(token)));
    return judged
      .filter((each) => each !== undefined)
      .toSorted((a, b) => b.session.createdAtMs - a.session.createdAtMs);
  }

  /** @returns `undefined` if the token's session is over */
  async judge(token: AuthenticRefreshToken): Promise<JudgedToken | undefined> {
    const found = await this.life.findLive(token.claims.sessionHandle);
    if (found === undefined) return undefined;
    // A token that has arrived counts from then on, written or not.
    const session = this.arrivals.asSeen(found);
    const { refreshGracePeriodMs } = this.options;
    const decision = decideRotation(token.claims, session, refreshGracePeriodMs, this.clock.now());
    const isSpent = decision === 'reuse';
    // A clock that has jumped ahead would make an honest client a thief.
    if (isSpent && (await this.clockCorrection.measureWhenDue())) return this.judge(token);
    return { token, session, isSpent };
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
