import { LRUCache } from 'lru-cache';
import type { RateLimitCounter } from '../../options/rate-limit-options.js';
import type { Clock } from '../../time/clock.js';

// A flood from ever new addresses must not fill the memory; what was asked least recently is forgotten first.
const MAX_KEYS = 50_000;

/** Counts in the memory of this instance. */
export class MemoryCounter implements RateLimitCounter {
  private readonly windows = new LRUCache<string, { count: number; readonly endsAtMs: number }>({
    max: MAX_KEYS,
  });

  constructor(private readonly clock: Clock) {}

  add(key: string, amount: -1 | 0 | 1, windowMs: number): number {
    const nowMs = this.clock.now();
    const open = this.windows.get(key);
    if (open !== undefined && open.endsAtMs > nowMs) {
      return (open.count = Math.max(0, open.count + amount));
    }
    if (amount > 0) this.windows.set(key, { count: amount, endsAtMs: nowMs + windowMs });
    return Math.max(0, amount);
  }

  get size(): number {
    return this.windows.size;
  }
}
