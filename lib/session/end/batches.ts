import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SessionDatabase } from '../../store/session-database.js';
import { AIM_MS, BatchSize } from './batch-size.js';

const LARGEST_BATCH = 200;

/** The result of a batch. */
export interface Batch {
  /** The number of written rows. */
  readonly rows: number;
  readonly isLast: boolean;
}

/**
 * Processes rows in batches, each committed before the next, and small enough that its locks are soon free. An embedded
 * database answers within one turn of the event loop, which continues between batches.
 */
export class Batches {
  private readonly size: BatchSize;

  /** @param isStopping asked before each batch */
  constructor(
    database: SessionDatabase,
    private readonly isStopping: () => boolean = () => false,
  ) {
    const aimMs = database.isEmbedded ? AIM_MS.embedded : AIM_MS.server;
    this.size = new BatchSize(LARGEST_BATCH, aimMs);
  }

  /** @param doBatch receives the number of rows that it may write */
  async run(doBatch: (limit: number) => Promise<Batch>): Promise<void> {
    for (let isLast = false; !isLast && !this.isStopping();) {
      const begunAt = performance.now();
      const batch = await doBatch(this.size.rows);
      this.size.adapt(batch.rows, performance.now() - begunAt);
      ({ isLast } = batch);
      await nextTurn();
    }
  }

  /** Processes a list. @returns whether it reached the end without a request to stop */
  async over<Item>(
    items: readonly Item[],
    doPart: (part: readonly Item[]) => Promise<unknown>,
  ): Promise<boolean> {
    let done = 0;
    if (items.length === 0) return !this.isStopping();
    await this.run(async (limit) => {
      const part = items.slice(done, done + limit);
      await doPart(part);
      done += part.length;
      return { rows: part.length, isLast: done === items.length };
    });
    return done === items.length;
  }
}
