import { setImmediate as nextTurn } from 'node:timers/promises';
import { BatchSize } from './batch-size.js';

// Small enough that, with an embedded database, no request waits long for the event loop: 500 rows took it 15 ms.
const LARGEST_BATCH = 200;

/** What a batch came to. */
export interface Batch {
  /** How many rows it has written. */
  readonly rows: number;
  readonly isLast: boolean;
}

/**
 * Goes over rows in batches, each committed before the next and small enough that its locks are soon free. An embedded
 * database answers within the same turn of the event loop; between batches that goes on.
 */
export class Batches {
  private readonly size = new BatchSize(LARGEST_BATCH);

  /** @param isStopping asked before each batch */
  constructor(private readonly isStopping: () => boolean = () => false) {}

  /** @param doBatch gets how many rows it may write */
  async run(doBatch: (limit: number) => Promise<Batch>): Promise<void> {
    for (let isLast = false; !isLast && !this.isStopping();) {
      const begunAt = performance.now();
      const batch = await doBatch(this.size.rows);
      this.size.adapt(batch.rows, performance.now() - begunAt);
      ({ isLast } = batch);
      await nextTurn();
    }
  }

  /** Goes over what is known already. @returns whether it came to the end, and has not to stop */
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
