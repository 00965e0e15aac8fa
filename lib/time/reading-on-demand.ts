import type { Clock } from './clock.js';

// Anybody can make up an unknown key id, and an issuer or a database may be away for long.
const EVERY_MS = 5_000;

/** Reads what requests lack: at most once in five seconds, and once for all who ask at the same time. */
export class ReadingOnDemand {
  private pending: Promise<void> | undefined;
  private lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly read: () => Promise<void>,
  ) {}

  /** The reading to wait for; `undefined` if none is under way and the last one is too recent for another. */
  next(): Promise<void> | undefined {
    const nowMs = this.clock.now();
    if (Math.abs(nowMs - this.lastAtMs) >= EVERY_MS) {
      this.lastAtMs = nowMs;
      const reading = this.read().finally(() => {
        if (this.pending === reading) this.pending = undefined;
      });
      this.pending = reading;
    }
    return this.pending;
  }
}
