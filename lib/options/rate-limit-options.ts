import type { Duration } from '../time/duration.js';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../time/units.js';
import type { OptionReader } from './option-reader.js';

/** How many requests of one address in a period of time. @publicApi */
export interface RateLimit {
  /** The highest count. */
  max: number;
  /** The period. It begins with the first request, and again with the first one after its end. 1 second to 1 day. */
  per: Duration;
}

/**
 * Counts for `rateLimit`. Supply one over a store that all instances share to make a limit hold for them together.
 *
 * @publicApi
 */
export interface RateLimitCounter {
  /**
   * Adds to the count of a key, and returns the sum. A count without a window begins one of `windowMs`, and is zero
   * again when the window ends.
   *
   * @param key names the counted thing, its `kind` or `audience`, and the address. At most 100 characters
   * @param amount 0 adds nothing and begins no window. -1 takes back an attempt: it begins no window and never makes a
   * count negative
   */
  add(key: string, amount: -1 | 0 | 1, windowMs: number): number | Promise<number>;
}

/** The limits of one address. `false` switches a limit off. @publicApi */
export interface SessionRateLimitOptions {
  /** All logins, successful or not. @default { max: 60, per: '1m' } */
  logins?: false | RateLimit;
  /** Refreshes. @default { max: 600, per: '1m' } */
  refreshes?: false | RateLimit;
  /** Refused logins and refreshes; past the limit, further ones are refused. @default { max: 60, per: '10m' } */
  failures?: false | RateLimit;
  /** Keeps the counts. @default the memory of this instance */
  counter?: RateLimitCounter;
}

/** The limit in milliseconds. */
export interface ResolvedRateLimit {
  readonly max: number;
  readonly windowMs: number;
}

export type ResolvedRateLimits = {
  readonly [Name in 'logins' | 'refreshes' | 'failures']: false | ResolvedRateLimit;
} & { readonly counter: RateLimitCounter | undefined };

/** Reads `rateLimit`. By default, nothing is limited. */
export function readRateLimits(options: OptionReader, name: string): false | ResolvedRateLimits {
  const value = options.value(name);
  if (value === undefined || value === false) return false;
  const reader = options.nested(name);
  const limits = {
    logins: readLimit(reader, 'logins', { max: 60, windowMs: MINUTE_MS }),
    refreshes: readLimit(reader, 'refreshes', { max: 600, windowMs: MINUTE_MS }),
    failures: readLimit(reader, 'failures', { max: 60, windowMs: 10 * MINUTE_MS }),
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
  const windowMs = limit.durationMs('per', SECOND_MS, DAY_MS, fallback.windowMs);
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
