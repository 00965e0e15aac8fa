import type { Clock } from './clock.js';

/** Limits how often the log mentions one kind of event, so that nobody can fill the log by causing it. */
export class LogThrottle {
  private readonly toldAtMs = new Map<string, number>();

  /** @param everyMs how long the next line of one kind waits after the previous one */
  constructor(
    private readonly clock: Clock,
    private readonly everyMs: number,
  ) {}

  /** Whether a line of this kind may be written now. Kinds are ours: never pass a client's text. */
  admits(kind: string): boolean {
    const nowMs = this.clock.now();
    const agoMs = Math.abs(nowMs - (this.toldAtMs.get(kind) ?? Number.NEGATIVE_INFINITY));
    if (agoMs < this.everyMs) return false;
    this.toldAtMs.set(kind, nowMs);
    return true;
  }
}
