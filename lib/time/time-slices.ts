import { setImmediate as later } from 'node:timers';

/** A small piece of work, or `undefined` where there was nothing to do. */
export type Piece = (() => void) | undefined;

/** Runs many small pieces of work, the first of each work at once, without blocking the event loop. */
export class TimeSlices {
  private readonly queue: Iterator<Piece>[] = [];
  private isRunning = false;

  /** @param sliceMs how long the work of one turn of the event loop may take, in milliseconds */
  constructor(private readonly sliceMs: number) {}

  /** @param work asked for its next piece only once the one before has run, so finding the pieces is sliced too */
  run(work: Iterable<Piece>): void {
    const endsAt = performance.now() + this.sliceMs;
    const pieces = work[Symbol.iterator]();
    const first = pieces.next();
    if (first.done === true) return;
    this.queue.push(pieces);
    try {
      // Even if others wait: the end of one session must not wait for thousands.
      first.value?.();
    } finally {
      if (!this.isRunning) this.runUntil(endsAt);
    }
  }

  private runSlice(): void {
    const endsAt = performance.now() + this.sliceMs;
    try {
      this.runNext();
    } finally {
      this.runUntil(endsAt);
    }
  }

  // An error is only that piece's own, and the other pieces still run.
  private runUntil(endsAt: number): void {
    this.isRunning = true;
    try {
      while (this.queue.length > 0 && performance.now() < endsAt) this.runNext();
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
