import { setImmediate as later } from 'node:timers';

/** A small piece of work, or `undefined` where there was nothing to do. */
export type Piece = (() => void) | undefined;

/** Runs many small pieces of work, the first one at once, without blocking the event loop. */
export class TimeSlices {
  private readonly queue: Iterator<Piece>[] = [];
  private isRunning = false;

  /** @param sliceMs how long the work of one turn of the event loop may take, in milliseconds */
  constructor(private readonly sliceMs: number) {}

  /** @param work asked for its next piece only once the one before has run, so finding the pieces is sliced too */
  run(work: Iterable<Piece>): void {
    this.queue.push(work[Symbol.iterator]());
    if (!this.isRunning) this.runSlice();
  }

  // An error is only that piece's own, and the other pieces still run.
  private runSlice(): void {
    this.isRunning = true;
    const endsAt = performance.now() + this.sliceMs;
    try {
      // The first piece runs even if the process was suspended since the line above.
      do this.runNext();
      while (this.queue.length > 0 && performance.now() < endsAt);
    } finally {
      this.isRunning = this.queue.length > 0;
      if (this.isRunning) later(() => this.runSlice());
    }
  }

  private runNext(): void {
    const next = this.queue[0]?.next();
    if (next?.done === true) this.queue.shift();
    else next?.value?.();
  }
}
