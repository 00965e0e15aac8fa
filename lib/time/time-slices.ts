import { setImmediate as later } from 'node:timers';

// Other requests wait no longer than this meanwhile.
const SLICE_MS = 5;

/** Runs many small pieces of work, the first ones at once, without blocking the event loop. */
export class TimeSlices {
  private readonly queue: (() => void)[] = [];
  private isRunning = false;

  run(work: Iterable<() => void>): void {
    for (const each of work) this.queue.push(each);
    if (!this.isRunning) this.runSlice();
  }

  // An error is only that piece's own, and the other pieces still run.
  private runSlice(): void {
    this.isRunning = true;
    const endsAt = performance.now() + SLICE_MS;
    let done = 0;
    try {
      // The first piece runs even if the process was suspended since the line above.
      do this.queue[done++]?.();
      while (done < this.queue.length && performance.now() < endsAt);
    } finally {
      this.queue.splice(0, done);
      this.isRunning = this.queue.length > 0;
      if (this.isRunning) later(() => this.runSlice());
    }
  }
}
