import { MAX_CLOCK_SKEW_MS } from '../tokens/access-token.js';

/**
 * Refuses a value that is not a number of seconds. Every comparison with NaN is false. Without this check, a misread
 * setting would accept stale claims forever.
 *
 * @throws {TypeError} if a maximum age is given and is not a finite number, or is negative
 */
export function assertMaxAge(name: string, seconds: unknown): void {
  if (seconds === undefined) return;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) {
    const given = typeof seconds === 'number' ? String(seconds) : `of type ${typeof seconds}`;
    throw new TypeError(`${name} is ${given}; it must be a number of seconds, not negative.`);
  }
}

/** Whether a time is further in the future than clocks may differ. After a clock has gone back, its age is unknown. */
export function isOfFuture(ageInSeconds: number): boolean {
  return ageInSeconds * 1000 < -MAX_CLOCK_SKEW_MS;
}
