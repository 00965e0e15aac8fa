import { Inject, Injectable } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { isMeantFor } from '../../revocation/revoked-sessions.js';
import { RevocationFeed } from '../../revocation/revocation-feed.js';
import { RevocationStore } from '../../store/revocation.store.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionOutline, SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import type { JudgedSession } from '../../verification/known-revocations.js';
import type { LiveSessions } from '../../verification/live-sessions.js';
import { absoluteEndMs } from '../mint/session-lifetime.js';

/** Says of a session, by its row, whether it lives. */
@Injectable()
export class SessionLife implements LiveSessions {
  constructor(
    private readonly sessions: SessionStore,
    private readonly revocations: RevocationStore,
    private readonly feed: RevocationFeed,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in a transaction of the caller's. */
  withDatabase(database: SessionDatabase): SessionLife {
    const { feed, clock, options } = this;
    const sessions = new SessionStore(database);
    return new SessionLife(sessions, new RevocationStore(database), feed, clock, options);
  }

  /** The row of a session that is not over; `undefined` where there is none. */
  async findLive(handle: string): Promise<SessionRecord | undefined> {
    const record = await this.sessions.find(handle);
    return record === undefined || (await this.isOver(record)) ? undefined : record;
  }

  /** Whether a row that is there speaks of a session that is over: expired, or under a cut-off. */
  async isOver(record: SessionOutline): Promise<boolean> {
    if (this.endByTime(record).atMs <= this.clock.now()) return true;
    return this.isCutOff(record);
  }

  /** Whether a session falls under a cut-off. */
  isCutOff(session: JudgedSession): Promise<boolean> {
    return this.feed.isCutOff(session, this.revocations);
  }

  /** The cut-offs that are meant for a session's user, of any time, as the database has them. */
  async cutOffsOf(
    session: Pick<JudgedSession, 'userId' | 'tenantId'>,
  ): Promise<{ readonly id: string; readonly cutOffAtMs: number }[]> {
    const lines = await this.revocations.findCutOffs(session.userId);
    return lines
      .filter((line) => isMeantFor(session, line))
      .map(({ id, cutOffAtMs }) => ({ id, cutOffAtMs: cutOffAtMs ?? 0 }));
  }

  /** Whether `isOver` has to ask the database of cut-offs. */
  get asksForCutOffs(): boolean {
    return !this.feed.isFresh;
  }

  /** When, and by which timeout, a session ends without another refresh. */
  endByTime(record: SessionOutline): { reason: 'expired-idle' | 'expired-absolute'; atMs: number } {
    const absoluteMs = absoluteEndMs(record.createdAtMs, this.options);
    return record.expiresAtMs < absoluteMs
      ? { reason: 'expired-idle', atMs: record.expiresAtMs }
      : { reason: 'expired-absolute', atMs: absoluteMs };
  }
}
