import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import { revocationLifeMs } from '../revocation/revocation-line.js';
import type { RevocationStore } from '../store/revocation.store.js';
import type { DeviceForgetter } from './device-forgetter.js';
import type { SessionExpirer } from './session-expirer.js';
import type { SessionStore } from '../store/session.store.js';
import type { Clock } from '../time/clock.js';
import { IntervalTask } from '../time/interval-task.js';
import { BatchSize } from './batch-size.js';
import { deleteCreatedBefore } from './delete-created-before.js';

// Small enough that, with an embedded database, no request waits long for the event loop: 500 rows took it 15 ms.
const LARGEST_BATCH = 200;

/**
 * Deletes what has expired, in batches that are committed one by one and get smaller where one takes long. Whatever it has
 * not come to yet is expired all the same.
 */
export class SessionPruner {
  private readonly logger = new Logger('SessionModule');
  private readonly task: IntervalTask | undefined;
  private isStopping = false;

  constructor(
    private readonly expirer: SessionExpirer,
    private readonly sessions: SessionStore,
    private readonly revocations: RevocationStore,
    private readonly devices: DeviceForgetter,
    private readonly clock: Clock,
    private readonly options: ResolvedSessionOptions,
  ) {
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

  /**
   * An embedded database answers within the same turn of the event loop; between batches it goes on.
   *
   * @returns how many expired sessions were deleted
   */
  async prune(): Promise<number> {
    let deleted = 0;
    let expiredAtMs = 0;
    await this.inBatches(async (limit) => {
      const ended = await this.expirer.endExpired(limit, expiredAtMs);
      ({ lastExpiredAtMs: expiredAtMs } = ended);
      deleted += ended.count;
      return ended.count === limit;
    });
    await this.inBatches((limit) => this.pruneRevocations(limit));
    await this.inBatches((limit) => this.devices.forgetBatch(limit));
    return deleted;
  }

  /** @param doBatch returns whether there may be more */
  private async inBatches(doBatch: (limit: number) => Promise<boolean>): Promise<void> {
    const size = new BatchSize(LARGEST_BATCH);
    for (let isMore = true; isMore && !this.isStopping;) {
      const begunAt = performance.now();
      isMore = await doBatch(size.rows);
      size.adapt(performance.now() - begunAt);
      await nextTurn();
    }
  }

  // A session whose insert was committed after its cut-off is dead by that line alone, so it goes with the line.
  private async pruneRevocations(limit: number): Promise<boolean> {
    const nowMs = this.clock.now();
    // By this instance's lifetime of access tokens too: that of the line's writer may be shorter.
    const revokedUntilMs = nowMs - revocationLifeMs(this.options);
    const lines = await this.revocations.findExpired(nowMs, revokedUntilMs, limit);
    for (const { kind, userId, tenantId, cutOffAtMs } of lines) {
      if (kind !== 'cut-off' || cutOffAtMs === null) continue;
      if (userId === null) {
        await deleteCreatedBefore(this.sessions, cutOffAtMs, tenantId);
        continue;
      }
      const sessions = await this.sessions.findOfUser(userId, tenantId ?? undefined, 0);
      const late = sessions.filter((session) => session.createdAtMs < cutOffAtMs);
      await this.sessions.deleteAll(late.map((session) => session.handle));
    }
    await this.revocations.delete(lines.map((line) => line.id));
    return lines.length === limit;
  }
}
