import { Injectable, Inject } from '@nestjs/common';
import { SessionEventBus } from '../../events/session-event-bus.js';
import type { RevocationReason } from '../../events/session-events.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../revocation/clock-correction.js';
import { RevocationFeed } from '../../revocation/revocation-feed.js';
import { RevocationStore, type RevocationRecord } from '../../store/revocation.store.js';
import { SessionDatabase } from '../../store/session-database.js';
import { LAST_HANDLE, type SessionOwner } from '../../store/session-range.store.js';
import type { SessionOutline } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { firstSessionHandleOf } from '../../tokens/session-handle.js';
import { Batches } from './batches.js';
import { LoginsUnderWay } from './logins-under-way.js';
import { cutOffRow, revokedRow } from './revocation-rows.js';
import { deleteCreatedBefore, sweepSessions } from './sweep-sessions.js';

// The clocks of instances differ by less, so that a login that follows at once is left alone.
const AHEAD_MS = 2_000;

/** Why, and by whom, sessions are ended. */
export interface Ending {
  readonly reason: RevocationReason;
  /** Who did it, or what was presented: for `explain`. */
  readonly detail?: string | undefined;
}

/** What has been ended in a transaction, to be made known when it is committed. */
export interface EndedSessions {
  readonly records: readonly SessionOutline[];
  readonly rows: readonly RevocationRecord[];
}

/** Ends sessions: the row goes, and a row of the feed tells every instance, both in one transaction. */
@Injectable()
export class SessionRevoker {
  constructor(
    private readonly database: SessionDatabase,
    private readonly feed: RevocationFeed,
    private readonly events: SessionEventBus,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    private readonly logins: LoginsUnderWay,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in a transaction of the caller's. */
  withDatabase(database: SessionDatabase): SessionRevoker {
    const { feed, events, clockCorrection, clock, logins, options } = this;
    return new SessionRevoker(database, feed, events, clockCorrection, clock, logins, options);
  }

  /** @returns the handles of the sessions that were there; expired rows count */
  async revoke(handles: readonly string[], ending: Ending): Promise<string[]> {
    const distinct = [...new Set(handles)];
    if (distinct.length === 0) return [];
    const ended = await this.database.transaction((database) =>
      this.endIn(database, distinct, ending),
    );
    this.announce(ended, ending);
    return ended.records.map((record) => record.handle);
  }

  /**
   * Ends a user's sessions, those among them whose insert is committed later than this: a cut-off stands for all that
   * was created before.
   *
   * @param tenantId in this tenant alone; in all of them where it is `undefined`
   * @param exceptHandle a session that stays
   */
  async revokeAllOfUser(
    userId: string,
    tenantId: string | undefined,
    ending: Ending,
    exceptHandle?: string,
  ): Promise<string[]> {
    const ended = await this.database.transaction(async (database) => {
      const found = await new SessionStore(database).outlinesOfUser(userId, tenantId);
      const others = found.map(({ handle }) => handle).filter((each) => each !== exceptHandle);
      const each = await this.endIn(database, others, ending);
      if (exceptHandle !== undefined) return each;
      // As of now, with the rows in hand: a session that was renewed before one of them was had is older than this.
      const whose = { userId, tenantId: tenantId ?? null };
      const cutOff = cutOffRow(whose, ending.reason, this.clock.now(), this.options);
      await new RevocationStore(database).insert([cutOff]);
      return { records: each.records, rows: [cutOff, ...each.rows] };
    });
    this.announce(ended, ending);
    await this.waitUntilPast(ended.rows);
    return ended.records.map((record) => record.handle);
  }

  /**
   * Ends everyone's sessions. One row does it, before the first row goes: what it is too late to delete is dead all the
   * same, and so is a session whose insert is committed later.
   *
   * @returns how many rows were there
   */
  revokeEverything(): Promise<number> {
    return this.revokeAllIn(null, 'revoked-everything');
  }

  /** The same for everyone's sessions in one tenant. */
  revokeAllOfTenant(tenantId: string): Promise<number> {
    return this.revokeAllIn(tenantId, 'revoked-tenant');
  }

  /** Ends sessions as part of a transaction that is already under way. */
  async endIn(
    database: SessionDatabase,
    handles: readonly string[],
    ending: Ending,
  ): Promise<EndedSessions> {
    // Of two that end a session at once, the one that takes the row tells of it.
    const records = await new SessionStore(database).deleteReturning(handles);
    return this.noteIn(database, records, ending);
  }

  /** Tells the feed of sessions whose rows have just been deleted in this transaction. */
  async noteIn(
    database: SessionDatabase,
    records: readonly SessionOutline[],
    { reason, detail }: Ending,
  ): Promise<EndedSessions> {
    const nowMs = this.clock.now();
    const rows = records.map((record) =>
      revokedRow(record, reason, detail ?? null, nowMs, this.options),
    );
    const { revocation, endedSessionRetentionMs } = this.options;
    if (revocation !== false || endedSessionRetentionMs > 0) {
      await new RevocationStore(database).insert(rows);
    }
    return { records, rows };
  }

  /** Makes known what has been ended; in the caller's transaction not before it commits: then the feed brings it. */
  announce({ records, rows }: EndedSessions, ending: Ending): void {
    this.logins.note(rows);
    if (this.database.isInTransaction) return;
    this.feed.learn(rows);
    this.tellOf(records, ending);
  }

  private tellOf(sessions: readonly SessionOwner[], { reason, detail }: Ending): void {
    if (this.database.isInTransaction) return;
    const atMs = this.clock.now();
    for (const { handle, userId, tenantId } of sessions) {
      const facts = { sessionHandle: handle, userId, tenantId, atMs };
      this.events.emit('revoked', { ...facts, reason, detail: detail ?? null });
    }
  }

  private async revokeAllIn(tenantId: string | null, reason: RevocationReason): Promise<number> {
    let cutOff = await this.cutOff(tenantId, reason);
    // A session that was renewed while that was under way did not see it. What is renewed now does, unless it is in a
    // transaction: then it waits for the rows.
    const { isInTransaction } = this.database;
    if (!isInTransaction) cutOff = await this.cutOff(tenantId, reason);
    let count = await this.revokeFuture(tenantId, reason);
    const tell = (sessions: readonly SessionOwner[]): void => {
      count += sessions.length;
      this.tellOf(sessions, { reason });
    };
    const { cutOffAtMs } = cutOff;
    await deleteCreatedBefore(this.database, cutOffAtMs, tenantId, new Batches(), tell);
    if (isInTransaction) cutOff = await this.cutOff(tenantId, reason);
    await this.waitUntilPast([cutOff]);
    return count;
  }

  private async cutOff(
    tenantId: string | null,
    reason: RevocationReason,
  ): Promise<RevocationRecord & { readonly cutOffAtMs: number }> {
    const nowMs = this.clock.now();
    const everyone = { userId: null, tenantId };
    // Of this millisecond's sessions nobody can say whether they were there: they end too.
    const cutOffAtMs = nowMs + 1;
    const row = { ...cutOffRow(everyone, reason, nowMs, this.options), cutOffAtMs };
    await new RevocationStore(this.database).insert([row]);
    this.announce({ records: [], rows: [row] }, { reason });
    return row;
  }

  // A login that begins once the caller knows of the end is after the cut-off, by the clock of whichever instance.
  private async waitUntilPast(rows: readonly RevocationRecord[]): Promise<void> {
    for (const { cutOffAtMs } of rows) {
      if (cutOffAtMs !== null) await this.clockCorrection.waitUntilPast(cutOffAtMs);
    }
  }

  // Sessions of a time when the database's clock was ahead bear a later date than the cut-off, and are older all the same.
  private async revokeFuture(tenantId: string | null, reason: RevocationReason): Promise<number> {
    const after = firstSessionHandleOf(this.clock.now() + AHEAD_MS);
    const swept = { range: { after, before: LAST_HANDLE }, tenantId };
    let count = 0;
    await sweepSessions(this.database, swept, new Batches(), async (sessions) => {
      const handles = sessions.map(({ handle }) => handle);
      count += (await this.revoke(handles, { reason })).length;
    });
    return count;
  }
}
