import { Logger, Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../store/clock-correction.js';
import { revocationLifeMs } from '../../revocation/revocation-row.js';
import { RevocationStore } from '../../store/revocation.store.js';
import type { RevocationRecord } from '../../store/revocation-record.js';
import { DeviceForgetter } from './device-forgetter.js';
import { StaleMarks } from '../edit/stale-marks.js';
import { SessionExpirer } from './session-expirer.js';
import { SessionDatabase } from '../../store/session-database.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { IntervalTask } from '../../time/interval-task.js';
import { Batches, type Batch } from './batches.js';
import { deleteCreatedBefore } from './sweep-sessions.js';

/**
 * Deletes expired rows, in batches that are committed one by one. Rows that it has not reached yet are expired all the
 * same.
 */
@Injectable()
export class SessionPruner {
  private readonly logger = new Logger('SessionModule');
  private readonly task: IntervalTask | undefined;
  private readonly sessions: SessionStore;
  private isStopping = false;

  constructor(
    private readonly expirer: SessionExpirer,
    private readonly database: SessionDatabase,
    private readonly revocations: RevocationStore,
    private readonly devices: DeviceForgetter,
    private readonly marks: StaleMarks,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.sessions = new SessionStore(database);
    this.task =
      options.pruning === false
        ? undefined
        : new IntervalTask(
            options.pruning.intervalMs,
            () => this.prune().then(() => undefined),
            () => this.logger.warn('Expired sessions could not be pruned; trying again later'),
          );
  }

  start(): void {
    this.task?.start();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.task?.stop();
  }

  /** @returns how many expired sessions were deleted */
  async prune(): Promise<number> {
    let deleted = 0;
    let expiredAtMs = 0;
    await this.run(async (limit) => {
      const ended = await this.expirer.endExpired(limit, expiredAtMs);
      ({ lastExpiredAtMs: expiredAtMs } = ended);
      deleted += ended.deleted;
      return { rows: ended.found, isLast: ended.found < limit };
    });
    await this.run((limit) => this.pruneRevocations(limit));
    await this.run((limit) => this.devices.forgetBatch(limit));
    return deleted;
  }

  private run(batch: (limit: number) => Promise<Batch>): Promise<unknown> {
    return this.batches().run(async (limit) => {
      // A clock that has jumped ahead would have live sessions deleted.
      await this.clockCorrection.measureWhenDue();
      return batch(limit);
    });
  }

  private batches(): Batches {
    return new Batches(this.database, () => this.isStopping);
  }

  // Only a line ends the sessions, and makes the claims stale, that were committed after it. So they go with the line.
  private async pruneRevocations(limit: number): Promise<Batch> {
    const nowMs = this.clock.now();
    // Also by this instance's lifetime of access tokens, because the lifetime of the line's writer may be shorter.
    const revokedUntilMs = nowMs - revocationLifeMs(this.options);
    const lines = await this.revocations.findExpired(nowMs, revokedUntilMs, limit);
    for (const line of lines) {
      if (!(await this.takeAlong(line))) return { rows: 0, isLast: true };
    }
    await this.revocations.delete(lines.map((line) => line.id));
    return { rows: lines.length, isLast: lines.length < limit };
  }

  /** @returns whether no session is left that only the line ends, or whose claims only the line calls stale */
  private async takeAlong({
    kind,
    userId,
    tenantId,
    cutOffAtMs,
  }: RevocationRecord): Promise<boolean> {
    if (kind === 'session' || cutOffAtMs === null) return true;
    if (userId === null) {
      return deleteCreatedBefore(this.database, cutOffAtMs, tenantId, this.batches());
    }
    for await (const page of this.sessions.pagesOfUser(userId, tenantId ?? undefined, -1)) {
      const late = page.filter((session) => session.createdAtMs < cutOffAtMs);
      const handles = late.map((session) => session.handle);
      const isDone = await this.batches().over(handles, (part) =>
        kind === 'cut-off'
          ? this.sessions.deleteAll(part)
          : this.marks.markLate(part, cutOffAtMs, this.clock.now()),
      );
      if (!isDone) return false;
    }
    return true;
  }
}
