import type { Clock } from './clock.js';

/** Bounds how often the log tells of one kind of thing, so that whoever causes it can't fill the log. */
export class LogThrottle {
  private readonly toldAtMs = new Map<string, number>();

  /** @param everyMs how long after a line of one kind the next one waits */
  constructor(
    private readonly clock: Clock,
    private readonly everyMs: number,
  ) {}

  /** Whether a line of this kind may be written now. Kinds are ours: what a client sent must not be one. */
  admits(kind: string): boolean {
    const nowMs = this.clock.now();
    const agoMs = Math.abs(nowMs - (this.toldAtMs.get(kind) ?? Number.NEGATIVE_INFINITY));
    if (agoMs < this.everyMs) return false;
    this.toldAtMs.set(kind, nowMs);
    return true;
  }
}
