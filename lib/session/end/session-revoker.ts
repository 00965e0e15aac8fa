import { Injectable, Inject } from '@nestjs/common';
import { SessionEventBus } from '../../events/session-event-bus.js';
import type { RevocationReason } from '../../events/end-reason.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../store/clock-correction.js';
import { CommittedLines } from '../../revocation/committed-lines.js';
import { RevocationStore } from '../../store/revocation.store.js';
import type { RevocationRecord } from '../../store/revocation-record.js';
import { SessionDatabase } from '../../store/session-database.js';
import { tellOfEnded, tellOfImpersonations } from './ended-events.js';
import { LAST_HANDLE } from '../../store/session-range.store.js';
import type { SessionOutline } from '../../store/session-outline.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { firstSessionHandleOf } from '../../tokens/session-handle.js';
import { Batches } from './batches.js';
import { LoginsUnderWay } from './logins-under-way.js';
import { cutOffRow, revokedRow } from '../../revocation/new-revocation-rows.js';
import { deleteCreatedBefore, sweepSessions } from './sweep-sessions.js';

/** Sessions that are further in the future are old ones. The clocks of instances differ by less. */
export const AHEAD_MS = 2_000;

// One transaction of thousands of rows would hold up others, and the event loop with an embedded database.
export const MOST_TOGETHER = 200;

/** Why sessions are ended, and by whom. */
export interface Ending {
  readonly reason: RevocationReason;
  /** The person who did it, or the presented token: for `explain`. */
  readonly detail?: string | undefined;
  /** Whether the holder of each session ends it: in an impersonation, that is the person who acts. @default false */
  readonly isByHolder?: boolean;
}

/** The sessions ended in a transaction, to announce after its commit. */
export interface EndedSessions {
  readonly records: readonly SessionOutline[];
  readonly rows: readonly RevocationRecord[];
  /** The ended sessions, direct or consequent, in which somebody acted as the user. */
  readonly impersonations?: readonly SessionOutline[];
}

/** Ends sessions: it deletes the row, and a row of the feed informs every instance, both in one transaction. */
@Injectable()
export class SessionRevoker {
  constructor(
    private readonly database: SessionDatabase,
    private readonly committed: CommittedLines,
    private readonly events: SessionEventBus,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    private readonly logins: LoginsUnderWay,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionRevoker {
    const { committed, events, clockCorrection, clock, logins, options } = this;
    return new SessionRevoker(database, committed, events, clockCorrection, clock, logins, options);
  }

  /**
   * Ends up to 200 sessions in one transaction, and more in several.
   *
   * @returns the handles of the sessions that existed; expired rows count
   */
  async revoke(handles: readonly string[], ending: Ending): Promise<string[]> {
    const distinct = [...new Set(handles)];
    if (distinct.length <= MOST_TOGETHER || this.database.isInTransaction) {
      return this.revokeTogether(distinct, ending);
    }
    const ended: string[] = [];
    await new Batches(this.database).over(distinct, async (part) => {
      ended.push(...(await this.revokeTogether(part, ending)));
    });
    return ended;
  }

  private async revokeTogether(handles: readonly string[], ending: Ending): Promise<string[]> {
    if (handles.length === 0) return [];
    const ended = await this.database.transaction(
      (database) => this.endIn(database, handles, ending),
      { onCommit: (committed) => this.announce(committed), locks: handles },
    );
    return ended.records.map((record) => record.handle);
  }

  /**
   * Ends everyone's sessions. One row does it, before the first session's row is deleted. Sessions whose rows are not
   * deleted yet are dead anyway, and so is a session whose insert is committed later.
   *
   * @returns the number of rows
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
    // If two callers end a session at once, the one that deletes the row reports it.
    const records = await new SessionStore(database).deleteReturning(handles);
    const ended = await this.noteIn(database, records, ending);
    const actedIn = records.flatMap(({ impersonating }) => impersonating ?? []);
    const others = actedIn.filter((handle) => !handles.includes(handle));
    if (others.length === 0) return ended;
    const withThem = await this.endActedIn(database, others);
    return {
      records,
      rows: [...ended.rows, ...withThem.rows],
      impersonations: [...(ended.impersonations ?? []), ...withThem.records],
    };
  }

  /** Ends sessions in which a person acted whose own session has ended: nobody acts without being logged in. */
  async endActedIn(database: SessionDatabase, handles: readonly string[]): Promise<EndedSessions> {
    const records = await new SessionStore(database).deleteReturning(handles);
    const rows: RevocationRecord[] = [];
    for (const record of records) {
      const ending = { reason: 'actor-ended', detail: record.actor?.userId } as const;
      rows.push(...(await this.noteIn(database, [record], ending)).rows);
    }
    return { records, rows, impersonations: records };
  }

  /** Adds lines to the feed for sessions whose rows this transaction has just deleted. */
  async noteIn(
    database: SessionDatabase,
    records: readonly SessionOutline[],
    { reason, detail, isByHolder = false }: Ending,
  ): Promise<EndedSessions> {
    const nowMs = this.clock.now();
    const rows = records.map((record) => {
      const person = detail ?? (isByHolder ? record.actor?.userId : undefined);
      return revokedRow(record, reason, person ?? null, nowMs, this.options);
    });
    const { revocation, endedSessionRetentionMs } = this.options;
    const { isInTransaction } = this.database;
    // After the commit of a caller's transaction, this instance learns from the lines that are there.
    if (revocation !== false || endedSessionRetentionMs > 0 || isInTransaction) {
      await new RevocationStore(database).insert(rows);
    }
    const impersonations = records.filter(({ actor }) => actor !== null);
    return { records, rows, impersonations };
  }

  /** Announces ended sessions. In the caller's transaction, this instance learns of them right after the commit. */
  announce({ rows, impersonations = [] }: EndedSessions): void {
    this.logins.note(rows);
    this.committed.learn(rows, this.database);
    if (this.database.isInTransaction) return;
    tellOfEnded(this.events, rows, impersonations, this.clock.now());
  }

  private tellOf(sessions: readonly SessionOutline[], reason: RevocationReason): void {
    if (this.database.isInTransaction) return;
    const atMs = this.clock.now();
    for (const { handle, userId, tenantId } of sessions) {
      const facts = { sessionHandle: handle, userId, tenantId, atMs };
      this.events.emit('revoked', { ...facts, reason, detail: null });
    }
    tellOfImpersonations(this.events, sessions, atMs);
  }

  private async revokeAllIn(tenantId: string | null, reason: RevocationReason): Promise<number> {
    const { isInTransaction } = this.database;
    // A cut-off by a clock that has jumped ahead would keep everyone out until then.
    if (!isInTransaction) await this.clockCorrection.measureWhenDue();
    let cutOff = await this.cutOff(tenantId, reason);
    // A session renewed meanwhile did not see the cut-off. A renewal that starts now does see it, unless it is already
    // in a transaction, where it waits for the rows.
    if (!isInTransaction) cutOff = await this.cutOff(tenantId, reason);
    let count = await this.revokeFuture(tenantId, reason);
    const actedIn: string[] = [];
    const tell = (sessions: readonly SessionOutline[]): void => {
      count += sessions.length;
      actedIn.push(...sessions.flatMap(({ impersonating }) => impersonating ?? []));
      this.tellOf(sessions, reason);
    };
    const { cutOffAtMs } = cutOff;
    await deleteCreatedBefore(
      this.database,
      cutOffAtMs,
      tenantId,
      new Batches(this.database),
      tell,
    );
    // Those in another tenant are left.
    await new Batches(this.database).over(actedIn, async (handles) => {
      await this.database.transaction((database) => this.endActedIn(database, handles), {
        onCommit: (ended) => this.announce(ended),
        locks: handles,
      });
    });
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
    // Sessions of this very millisecond may have existed already, so they end too.
    const cutOffAtMs = nowMs + 1;
    const row = { ...cutOffRow(everyone, reason, nowMs, this.options), cutOffAtMs };
    await new RevocationStore(this.database).insert([row]);
    this.announce({ records: [], rows: [row] });
    return row;
  }

  /** Waits until a new login is later than the cut-off by any instance's clock. */
  async waitUntilPast(rows: readonly RevocationRecord[]): Promise<void> {
    for (const { cutOffAtMs } of rows) {
      if (cutOffAtMs !== null) await this.clockCorrection.waitUntilPast(cutOffAtMs);
    }
  }

  // Sessions created while the database's clock was ahead have a later date than the cut-off, but are older all the
  // same. A login that follows at once is left alone.
  private async revokeFuture(tenantId: string | null, reason: RevocationReason): Promise<number> {
    const after = firstSessionHandleOf(this.clock.now() + AHEAD_MS);
    const swept = { range: { after, before: LAST_HANDLE }, tenantId };
    let count = 0;
    await sweepSessions(this.database, swept, new Batches(this.database), async (sessions) => {
      const handles = sessions.map(({ handle }) => handle);
      count += (await this.revoke(handles, { reason })).length;
    });
    return count;
  }
}
