import type { Duration } from '../time/duration.js';
import type { OptionReader } from './option-reader.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** How many requests of one address in a span of time. @publicApi */
export interface RateLimit {
  /** How many at most. */
  max: number;
  /** In which span of time: it begins with the first request, and anew once it is over. 1 second to 1 day. */
  per: Duration;
}

/**
 * Counts for `rateLimit`. One of your own, over a store that all instances share, makes a limit hold for them together.
 *
 * @publicApi
 */
export interface RateLimitCounter {
  /**
   * Adds to what is counted under a key, and gives the sum. A count that has no window yet begins one of `windowMs`, and
   * is zero again once that is over.
   *
   * @param key says what is counted, and of which address; at most 100 characters
   * @param amount 0: nothing is added, and no window begins; -1: an attempt is taken back, and none of it begins a window
   * or makes a count negative
   */
  add(key: string, amount: -1 | 0 | 1, windowMs: number): number | Promise<number>;
}

/** What one address may ask for. `false` leaves a limit out. @publicApi */
export interface SessionRateLimitOptions {
  /** Logins, whether they succeed or not. @default { max: 60, per: '1m' } */
  logins?: false | RateLimit;
  /** Refreshes. @default { max: 600, per: '1m' } */
  refreshes?: false | RateLimit;
  /** Logins and refreshes that were refused; past it the next ones are. @default { max: 60, per: '10m' } */
  failures?: false | RateLimit;
  /** Where is counted. @default the memory of this instance */
  counter?: RateLimitCounter;
}

/** The same in milliseconds. */
export interface ResolvedRateLimit {
  readonly max: number;
  readonly windowMs: number;
}

export type ResolvedRateLimits = {
  readonly [Name in 'logins' | 'refreshes' | 'failures']: false | ResolvedRateLimit;
} & { readonly counter: RateLimitCounter | undefined };

/** Reads `rateLimit`; left out, nothing is limited. */
export function readRateLimits(options: OptionReader, name: string): false | ResolvedRateLimits {
  const value = options.value(name);
  if (value === undefined || value === false) return false;
  const reader = options.nested(name);
  const limits = {
    logins: readLimit(reader, 'logins', { max: 60, windowMs: MINUTE }),
    refreshes: readLimit(reader, 'refreshes', { max: 600, windowMs: MINUTE }),
    failures: readLimit(reader, 'failures', { max: 60, windowMs: 10 * MINUTE }),
    counter: readCounter(reader),
  };
  reader.refuseUnknown();
  return limits;
}

function readLimit(
  reader: OptionReader,
  name: string,
  fallback: ResolvedRateLimit,
): false | ResolvedRateLimit {
  if (reader.value(name) === undefined) return fallback;
  const limit = reader.nestedOrFalse(name);
  if (!limit) return false;
  limit.required('max', 'per');
  const max = limit.integer('max', 1, 1_000_000, fallback.max);
  const windowMs = limit.durationMs('per', SECOND, DAY, fallback.windowMs);
  limit.refuseUnknown();
  return { max, windowMs };
}

function readCounter(reader: OptionReader): RateLimitCounter | undefined {
  return reader.converted('counter', asCounter, 'an object with a function `add`');
}

function asCounter(value: unknown): RateLimitCounter | undefined {
  return isCounter(value) ? value : undefined;
}

function isCounter(value: unknown): value is RateLimitCounter {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, 'add') === 'function'
  );
}
