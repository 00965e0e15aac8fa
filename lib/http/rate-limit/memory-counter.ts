import { LRUCache } from 'lru-cache';
import type { RateLimitCounter } from '../../options/rate-limit-options.js';
import type { Clock } from '../../time/clock.js';

// A flood from ever new addresses must not fill the memory. The least recently used addresses are forgotten first.
const MAX_KEYS = 50_000;

/** Counts in the memory of this instance. */
export class MemoryCounter implements RateLimitCounter {
  private readonly windows = new LRUCache<string, { count: number; readonly endsAtMs: number }>({
    // Not `max`, for which the cache would set aside a megabyte before the first request.
    maxSize: MAX_KEYS,
    sizeCalculation: () => 1,
  });

  constructor(private readonly clock: Clock) {}

  add(key: string, amount: -1 | 0 | 1, windowMs: number): number {
    const nowMs = this.clock.now();
    const open = this.windows.get(key);
    const restMs = (open?.endsAtMs ?? nowMs) - nowMs;
    // One that would last longer than a whole window was opened before the clock went back.
    if (open !== undefined && restMs > 0 && restMs <= windowMs) {
      open.count = Math.max(0, open.count + amount);
      // If all of it is taken back, no window has begun.
      if (open.count === 0) this.windows.delete(key);
      return open.count;
    }
    if (amount > 0) this.windows.set(key, { count: amount, endsAtMs: nowMs + windowMs });
    return Math.max(0, amount);
  }

  get size(): number {
    return this.windows.size;
  }
}
