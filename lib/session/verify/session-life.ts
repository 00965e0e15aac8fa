import { Inject, Injectable } from '@nestjs/common';
import { REPLACEMENT_REASONS } from '../../events/end-reason.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../store/clock-correction.js';
import { isBefore, isMeantFor } from '../../revocation/revoked-sessions.js';
import { RevocationFeed } from '../../revocation/revocation-feed.js';
import { RevocationStore } from '../../store/revocation.store.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionOutline } from '../../store/session-outline.js';
import type { SessionActor, SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import type { JudgedSession } from '../../verification/known-revocations.js';
import type {
  EndByTime,
  EndingSessions,
  HeldSessionRow,
} from '../../verification/live-sessions.js';
import { absoluteEndMs, idleEndMs } from '../mint/session-lifetime.js';

// Two requests of one client may cross without a grace period too.
const LEAST_CROSSING_MS = 10_000;

/** Whether a cut-off covers a session of the user in question. */
type CutOffJudge = (session: JudgedSession) => boolean;

/** Decides from a session's row if it lives. */
@Injectable()
export class SessionLife implements EndingSessions {
  constructor(
    private readonly sessions: SessionStore,
    private readonly revocations: RevocationStore,
    private readonly feed: RevocationFeed,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionLife {
    const { feed, clockCorrection, clock, options } = this;
    const sessions = new SessionStore(database);
    const revocations = new RevocationStore(database);
    return new SessionLife(sessions, revocations, feed, clockCorrection, clock, options);
  }

  /** The row of a live session, with its end by today's options; `undefined` if there is none. */
  async findLive(handle: string): Promise<SessionRecord | undefined> {
    const record = await this.sessions.find(handle);
    return record === undefined || (await this.isOver(record)) ? undefined : this.asOfToday(record);
  }

  /** Whether a client got another session in the place of this one, as far as its line is still there. */
  async wasReplaced(handle: string): Promise<boolean> {
    return (await this.replacedAtMs(handle)) !== undefined;
  }

  /** The same, a moment ago: a request of before may still be under way. */
  async wasJustReplaced(handle: string): Promise<boolean> {
    const atMs = await this.replacedAtMs(handle);
    const crossingMs = Math.max(this.options.refreshGracePeriodMs, LEAST_CROSSING_MS);
    return atMs !== undefined && Math.abs(this.clock.now() - atMs) < crossingMs;
  }

  private async replacedAtMs(handle: string): Promise<number | undefined> {
    const lines = await this.revocations.findEnds(handle);
    return lines.find(({ reason }) => REPLACEMENT_REASONS.has(reason))?.revokedAtMs;
  }

  /** A row with its end by today's options, which may be earlier than the stored one. */
  asOfToday<Row extends SessionOutline>(record: Row): Row {
    const { atMs } = this.endByTime(record);
    return atMs < record.expiresAtMs ? { ...record, expiresAtMs: atMs } : record;
  }

  async heldRows(handles: readonly string[]): Promise<ReadonlyMap<string, HeldSessionRow>> {
    const rows = await this.sessions.heldRows(handles);
    const mayBeBound = this.options.deviceBinding !== false;
    return new Map(
      rows.map((row) => {
        const isBound = mayBeBound && row.deviceKey !== null;
        return [row.handle, { row, end: this.endByTime(row), isBound }];
      }),
    );
  }

  /**
   * Whether an existing row belongs to a session that is over: expired, under a cut-off, or of an actor who is gone.
   */
  isOver(record: SessionOutline): Promise<boolean> {
    return this.isOverBy(record, (session) => this.isCutOff(session));
  }

  /** The same for rows of one user, whose cut-offs it reads once at most. */
  areOver(rows: readonly SessionOutline[]): Promise<boolean[]> {
    let judge: Promise<CutOffJudge> | undefined;
    const isCutOff = async (session: JudgedSession): Promise<boolean> => {
      judge ??= this.cutOffJudge(session.userId);
      return (await judge)(session);
    };
    return Promise.all(rows.map((row) => this.isOverBy(row, isCutOff)));
  }

  private async isOverBy(
    record: SessionOutline,
    isCutOff: (session: JudgedSession) => Promise<boolean>,
  ): Promise<boolean> {
    const { atMs } = this.endByTime(record);
    if (atMs <= this.clock.now()) {
      // Callers delete the row, and a clock may have jumped ahead a moment ago. The pool may have no second connection.
      if (!this.revocations.isInTransaction) await this.clockCorrection.measureWhenDue();
      if (atMs <= this.clock.now()) return true;
    }
    if (await isCutOff(record)) return true;
    return record.actor !== null && (await this.isGone(record.actor));
  }

  private async isGone({ handle, userId, tenantId }: SessionActor): Promise<boolean> {
    if (this.feed.isRevoked({ handle, userId, tenantId })) return true;
    return (await this.findLive(handle)) === undefined;
  }

  /** Whether a cut-off covers a session. */
  async isCutOff(session: JudgedSession): Promise<boolean> {
    return (await this.cutOffJudge(session.userId))(session);
  }

  // From memory while that is fresh, else from the database. A row can still exist if its insert was committed after
  // the cut-off.
  private async cutOffJudge(userId: string): Promise<CutOffJudge> {
    if (this.feed.isFresh) return (session) => this.feed.isRevoked(session);
    const lines = await this.revocations.findCutOffs(userId);
    return (session) => lines.some((line) => isBefore(session, line));
  }

  /** The database's cut-offs that apply to a session's user, of any time. */
  async cutOffsOf(
    session: Pick<JudgedSession, 'userId' | 'tenantId'>,
  ): Promise<{ readonly id: string; readonly cutOffAtMs: number }[]> {
    const lines = await this.revocations.findCutOffs(session.userId);
    return lines
      .filter((line) => isMeantFor(session, line))
      .map(({ id, cutOffAtMs }) => ({ id, cutOffAtMs: cutOffAtMs ?? 0 }));
  }

  /** Whether `isOver` must ask the database for cut-offs. */
  get asksForCutOffs(): boolean {
    return !this.feed.isFresh;
  }

  /** When, and by which timeout, a session ends without another refresh. */
  endByTime(record: SessionOutline): EndByTime {
    const absoluteMs = absoluteEndMs(record.createdAtMs, this.options);
    const idleMs = idleEndMs(record, this.options);
    // The end of an actor's session is fixed in its row from the beginning.
    const isIdle = idleMs < absoluteMs && (record.actor === null || idleMs < record.expiresAtMs);
    return isIdle
      ? { reason: 'expired-idle', atMs: idleMs }
      : { reason: 'expired-absolute', atMs: Math.min(idleMs, absoluteMs) };
  }
}
