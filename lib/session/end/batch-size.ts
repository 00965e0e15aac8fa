const SMALLEST = 10;

/** How long a batch should take, in milliseconds. */
export const AIM_MS = {
  // A quarter of the longest time to hold a lock, because a batch may take four times as long as expected from the
  // previous one.
  server: 25,
  // The event loop waits for each batch.
  embedded: 5,
} as const;

/**
 * How many rows a batch may have so that its locks are soon free. It starts small, because the database's speed is
 * unknown, and doubles while batches are quick. After a slow batch, it follows that batch's speed.
 */
export class BatchSize {
  private size = SMALLEST;

  /**
   * @param largest the upper limit, in rows
   * @param aimMs how long a batch should take
   */
  constructor(
    private readonly largest: number,
    private readonly aimMs: number,
  ) {}

  get rows(): number {
    return this.size;
  }

  /**
   * Learns from a batch. A batch that was not full tells nothing about a larger one.
   *
   * @param rows the number of its rows
   * @param durationMs milliseconds from its beginning to its commit
   */
  adapt(rows: number, durationMs: number): void {
    const fitting = Math.floor((rows * this.aimMs) / durationMs);
    if (durationMs > this.aimMs) this.size = Math.max(SMALLEST, Math.min(this.size, fitting));
    else if (rows >= this.size) this.size = Math.min(this.largest, this.size * 2, fitting);
  }
}
