const SMALLEST = 10;
// A quarter of what a lock may be held for: a batch may take four times as long as the one before it lets expect.
const AIM_MS = 25;

/**
 * How many rows a batch may have so that its locks are soon free. It begins small, since nobody knows how fast the database
 * is; it is doubled while batches are quick, and after one that was not it is what fits by that one's speed.
 */
export class BatchSize {
  private size = SMALLEST;

  /** @param largest rows: what it never exceeds */
  constructor(private readonly largest: number) {}

  get rows(): number {
    return this.size;
  }

  /**
   * Learns of a batch. One that was not full tells nothing of a larger one.
   *
   * @param rows how many it had
   * @param durationMs milliseconds from its beginning until it was committed
   */
  adapt(rows: number, durationMs: number): void {
    const fitting = Math.floor((rows * AIM_MS) / durationMs);
    if (durationMs > AIM_MS) this.size = Math.max(SMALLEST, Math.min(this.size, fitting));
    else if (rows >= this.size) this.size = Math.min(this.largest, this.size * 2, fitting);
  }
}
