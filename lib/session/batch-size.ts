const SMALLEST = 10;
const LONGEST_MS = 100;

/**
 * How many rows a batch may have so that its locks are soon free: half as many after one that took long, and twice as
 * many again, up to where it began, after one that did not.
 */
export class BatchSize {
  private size: number;

  /** @param largest rows: where it begins, and what it never exceeds */
  constructor(private readonly largest: number) {
    this.size = largest;
  }

  get rows(): number {
    return this.size;
  }

  /** Learns of a batch. @param durationMs milliseconds from its beginning until it was committed */
  adapt(durationMs: number): void {
    this.size =
      durationMs > LONGEST_MS
        ? Math.max(SMALLEST, Math.floor(this.size / 2))
        : Math.min(this.largest, this.size * 2);
  }
}
