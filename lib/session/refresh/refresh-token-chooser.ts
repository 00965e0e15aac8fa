import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import { decideRotation } from '../../tokens/rotation.js';
import { RefreshTokenAuthenticator } from './refresh-token-authenticator.js';
import { SessionLife } from '../verify/session-life.js';

// After a change of the domain a name has two; each more would cost a query.
const MAX_TOKENS = 4;

/**
 * Finds the good one of several refresh tokens that a client sends under one cookie's name, because some are left from
 * `olderDomain`. A left-over token is no sign of theft while another one is good.
 */
@Injectable()
export class RefreshTokenChooser {
  constructor(
    private readonly authenticator: RefreshTokenAuthenticator,
    private readonly life: SessionLife,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * The token that a refresh shall answer: of the first name that has a good one, the one of the youngest session, as
   * the last login counts; else the very first. Without `olderDomain` all of the first name: which of several is the
   * client's own is then not to be guessed.
   *
   * @param tokensByName the values under each name of the cookie; the name that proves most first
   */
  async choose(tokensByName: readonly (readonly string[])[]): Promise<readonly string[]> {
    const [first = []] = tokensByName;
    const isAmbiguous = tokensByName.length > 1 || first.length > 1;
    if (!isAmbiguous || this.options.cookie.olderDomain === undefined) return first;
    for (const tokens of tokensByName) {
      const good = await this.youngestGood(tokens.slice(0, MAX_TOKENS));
      if (good !== undefined) return [good];
    }
    return first.slice(0, 1);
  }

  private async youngestGood(tokens: readonly string[]): Promise<string | undefined> {
    const sessions = await Promise.all(
      tokens.map(async (text) => ({ text, session: await this.refreshableSession(text) })),
    );
    const createdAt = (each: (typeof sessions)[number]) => each.session?.createdAtMs ?? 0;
    return sessions
      .filter(({ session }) => session !== undefined)
      .toSorted((a, b) => createdAt(b) - createdAt(a))[0]?.text;
  }

  private async refreshableSession(text: string): Promise<SessionRecord | undefined> {
    const token = await this.authenticator.authenticate(text);
    if (token === undefined) return undefined;
    const session = await this.life.findLive(token.claims.sessionHandle);
    if (session === undefined) return undefined;
    const { refreshGracePeriodMs } = this.options;
    const decision = decideRotation(token.claims, session, refreshGracePeriodMs, this.clock.now());
    return decision === 'reuse' ? undefined : session;
  }
}
