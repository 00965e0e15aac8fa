import { Injectable, Inject } from '@nestjs/common';
import { SessionTally } from '../../events/session-tally.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { RevocationStore } from '../../store/revocation.store.js';
import { SessionDatabase } from '../../store/session-database.js';
import type { SessionOutline } from '../../store/session-outline.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { expiredRow } from '../../revocation/new-revocation-rows.js';
import { SessionLife } from '../verify/session-life.js';

/** Deletes expired sessions, and notes the timeout for as long as `endedSessionRetention` says. */
@Injectable()
export class SessionExpirer {
  constructor(
    private readonly database: SessionDatabase,
    private readonly life: SessionLife,
    private readonly clock: Clock,
    private readonly tally: SessionTally,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /**
   * Ends a session that was found to be over, by its row as it was read.
   *
   * @returns whether it has ended it. Otherwise the row has changed, or is gone
   */
  async end(record: SessionOutline): Promise<boolean> {
    const nowMs = this.clock.now();
    const { reason, atMs } = this.life.endByTime(record);
    const ended = await this.database.transaction(async (database) => {
      const sessions = new SessionStore(database);
      // An instance whose clock is behind, or whose lifetime is longer, may have refreshed the session meanwhile.
      const isIdle = atMs <= nowMs && reason === 'expired-idle';
      const deleted = await (isIdle
        ? sessions.deleteUnlessActive(record)
        : sessions.deleteReturning([record.handle]));
      await this.noteIn(database, deleted, nowMs);
      return deleted;
    });
    // Otherwise a cut-off has ended it before its time.
    if (atMs <= nowMs) this.tally.pruned += ended.length;
    return ended.length > 0;
  }

  /**
   * Up to `limit` sessions whose row has expired, the oldest first.
   *
   * @param fromMs when the previous batch's last session expired, so that deleted rows are not scanned again
   * @returns how many were found. Another instance may have deleted some of them, or refreshed them
   */
  async endExpired(
    limit: number,
    fromMs: number,
  ): Promise<{ found: number; deleted: number; lastExpiredAtMs: number }> {
    const nowMs = this.clock.now();
    // Read before the transaction, so that the time in which a cold database finds the rows does not lock them.
    const found = await new SessionStore(this.database).findExpired(nowMs, limit, fromMs);
    const last = found.at(-1);
    if (last === undefined) return { found: 0, deleted: 0, lastExpiredAtMs: fromMs };
    const ended = await this.database.transaction(async (database) => {
      const handles = found.map((record) => record.handle);
      const deleted = await new SessionStore(database).deleteExpired(handles, nowMs);
      await this.noteIn(database, deleted, nowMs);
      return deleted;
    });
    this.tally.pruned += ended.length;
    return { found: found.length, deleted: ended.length, lastExpiredAtMs: last.expiresAtMs };
  }

  /**
   * Notes what this transaction has deleted, and nothing else: a row that is gone may be that of a forgotten user.
   *
   * @param nowMs when they were found to be over: if the clock goes back later, a row could appear to be cut off
   */
  private async noteIn(
    database: SessionDatabase,
    records: readonly SessionOutline[],
    nowMs: number,
  ): Promise<void> {
    if (this.options.endedSessionRetentionMs === 0) return;
    const rows = records
      .map((record) => ({ record, end: this.life.endByTime(record) }))
      // Rows ended by a cut-off already have their line.
      .filter(({ end }) => end.atMs <= nowMs)
      .map(({ record, end }) => expiredRow(record, end.reason, end.atMs, this.options));
    await new RevocationStore(database).insert(rows);
  }
}
