import { Inject, Injectable } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../store/clock-correction.js';
import { RevocationStore } from '../../store/revocation.store.js';
import type { RevocationRecord } from '../../store/revocation-record.js';
import { SessionDatabase } from '../../store/session-database.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { cutOffRow } from '../../revocation/new-revocation-rows.js';
import { MOST_TOGETHER, SessionRevoker, type Ending } from './session-revoker.js';

/** The sessions to end, and the one that stays. */
interface Ended {
  readonly userId: string;
  /** The only tenant; null means all tenants. */
  readonly tenantId: string | null;
  readonly exceptHandle: string | undefined;
}

/** Ends all sessions of a user. */
@Injectable()
export class UserRevoker {
  constructor(
    private readonly database: SessionDatabase,
    private readonly revoker: SessionRevoker,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): UserRevoker {
    const { clockCorrection, clock, options } = this;
    const revoker = this.revoker.withDatabase(database);
    return new UserRevoker(database, revoker, clockCorrection, clock, options);
  }

  /**
   * Ends a user's sessions, including those whose insert is committed later: a cut-off covers everything created before
   * it.
   *
   * @param tenantId the only tenant; `undefined` means all tenants
   * @param exceptHandle a session that stays
   * @returns the handles of those that existed
   */
  async revokeAll(
    userId: string,
    tenantId: string | undefined,
    ending: Ending,
    exceptHandle?: string,
  ): Promise<string[]> {
    const whose = { userId, tenantId: tenantId ?? null, exceptHandle };
    const most = this.database.isInTransaction ? Number.POSITIVE_INFINITY : MOST_TOGETHER;
    const found = await this.endTogether(whose, ending, most);
    if (found.areEnded) return found.handles;
    // From now on, sessions that wait for a later batch are refused.
    if (exceptHandle === undefined) await this.cutOff(whose, ending);
    const ended = await this.revoker.revoke(found.handles, ending);
    // Ends sessions that were created or renewed meanwhile.
    const { handles } = await this.endTogether(whose, ending, Number.POSITIVE_INFINITY);
    return [...ended, ...handles];
  }

  /** Ends all of them in one transaction, unless there are too many for one. */
  private async endTogether(
    whose: Ended,
    ending: Ending,
    most: number,
  ): Promise<{ readonly handles: string[]; readonly areEnded: boolean }> {
    const { userId, tenantId, exceptHandle } = whose;
    // A cut-off by a clock that has jumped ahead would keep the user out until then.
    if (!this.database.isInTransaction) await this.clockCorrection.measureWhenDue();
    const end = async (database: SessionDatabase) => {
      const all = await new SessionStore(database).handlesOfUser(userId, tenantId ?? undefined);
      const handles = all.filter((handle) => handle !== exceptHandle);
      if (handles.length > most) return { handles };
      const ended = await this.revoker.endIn(database, handles, ending);
      if (exceptHandle !== undefined) return { ended };
      // As of now, with the rows locked: a session renewed before one of them was locked is older than this.
      const cutOff = await this.cutOffIn(database, whose, ending);
      return { ended: { ...ended, rows: [cutOff, ...ended.rows] } };
    };
    const found = await this.database.transaction(end, {
      onCommit: ({ ended }) => {
        if (ended !== undefined) this.revoker.announce(ended);
      },
      locks: [`user ${userId}`],
    });
    if (found.ended === undefined) return { handles: found.handles, areEnded: false };
    const { records, rows } = found.ended;
    await this.revoker.waitUntilPast(rows);
    return { handles: records.map(({ handle }) => handle), areEnded: true };
  }

  private async cutOff(whose: Ended, ending: Ending): Promise<void> {
    const row = await this.cutOffIn(this.database, whose, ending);
    this.revoker.announce({ records: [], rows: [row] });
  }

  private async cutOffIn(
    database: SessionDatabase,
    { userId, tenantId }: Ended,
    { reason }: Ending,
  ): Promise<RevocationRecord> {
    const row = cutOffRow({ userId, tenantId }, reason, this.clock.now(), this.options);
    await new RevocationStore(database).insert([row]);
    return row;
  }
}
