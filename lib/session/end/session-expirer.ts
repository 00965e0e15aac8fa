import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { RevocationStore } from '../../store/revocation.store.js';
import { SessionDatabase } from '../../store/session-database.js';
import type { SessionOutline } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { expiredRow } from './revocation-rows.js';
import { SessionLife } from '../verify/session-life.js';

/** Deletes sessions whose time is over, and notes which timeout it was for as long as `endedSessionRetention` says. */
@Injectable()
export class SessionExpirer {
  constructor(
    private readonly database: SessionDatabase,
    private readonly life: SessionLife,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** A session that was found to be over. */
  async end(record: SessionOutline): Promise<void> {
    const nowMs = this.clock.now();
    await this.database.transaction((database) => this.endIn(database, [record], nowMs));
  }

  /**
   * Up to `limit` sessions whose row has expired, the oldest first.
   *
   * @param fromMs when the last one of the batch before has expired: what that batch has deleted is not gone over again
   */
  async endExpired(
    limit: number,
    fromMs: number,
  ): Promise<{ count: number; lastExpiredAtMs: number }> {
    const nowMs = this.clock.now();
    // Read before the transaction: what a cold database takes to find the rows is no time in which they are locked.
    const found = await new SessionStore(this.database).findExpired(nowMs, limit, fromMs);
    if (found.length > 0) await this.database.transaction((each) => this.endIn(each, found, nowMs));
    return { count: found.length, lastExpiredAtMs: found.at(-1)?.expiresAtMs ?? fromMs };
  }

  /** @param nowMs when they were found to be over: by a clock that has gone back since, a row could count as cut off */
  private async endIn(
    database: SessionDatabase,
    records: readonly SessionOutline[],
    nowMs: number,
  ): Promise<void> {
    const sessions = new SessionStore(database);
    const idle = records.filter((record) => record.expiresAtMs <= nowMs);
    const others = records.filter((record) => record.expiresAtMs > nowMs);
    // An instance whose clock is behind may have refreshed one of these meanwhile.
    await sessions.deleteExpired(handlesOf(idle), nowMs);
    await sessions.deleteAll(handlesOf(others));
    if (this.options.endedSessionRetentionMs === 0) return;
    const rows = records
      .map((record) => ({ record, end: this.life.endByTime(record) }))
      // What a cut-off has ended has its row already.
      .filter(({ end }) => end.atMs <= nowMs)
      .map(({ record, end }) => expiredRow(record, end.reason, end.atMs, this.options));
    await new RevocationStore(database).insert(rows);
  }
}

function handlesOf(records: readonly SessionOutline[]): string[] {
  return records.map((record) => record.handle);
}
