import { GRACE_PERIODS_TO_ROTATION } from '../tokens/rotation.js';
import { assuranceLimits } from './assurance-profile.js';
import type { OptionReader } from './option-reader.js';
import type { ResolvedSessionOptions } from './resolved-options.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TEN_YEARS = 3650 * DAY;

type Lifetimes = Pick<
  ResolvedSessionOptions,
  | 'accessTokenLifetimeMs'
  | 'refreshTokenLifetimeMs'
  | 'nonPersistentLifetimeMs'
  | 'absoluteTimeoutMs'
  | 'refreshGracePeriodMs'
>;

/** How long tokens and sessions live. The defaults depend on each other. */
export function readLifetimes(reader: OptionReader): Lifetimes {
  const limits = assuranceLimits(reader);
  const refreshTokenLifetimeMs = reader.durationMs(
    'refreshTokenLifetime',
    SECOND,
    TEN_YEARS,
    limits?.idleMs ?? 100 * DAY,
  );
  const accessTokenLifetimeMs = reader.durationMs(
    'accessTokenLifetime',
    SECOND,
    1000 * DAY,
    limits === undefined ? HOUR : Math.min(HOUR, limits.idleMs / 3),
  );
  const nonPersistentLifetimeMs = reader.durationMs(
    'nonPersistentLifetime',
    SECOND,
    TEN_YEARS,
    Math.min(refreshTokenLifetimeMs, Math.max(DAY, 4 * accessTokenLifetimeMs)),
  );
  const shortestIdleMs = Math.min(refreshTokenLifetimeMs, nonPersistentLifetimeMs);
  return {
    accessTokenLifetimeMs,
    refreshTokenLifetimeMs,
    nonPersistentLifetimeMs,
    absoluteTimeoutMs:
      reader.optionalDurationMs('absoluteTimeout', SECOND, TEN_YEARS) ?? limits?.absoluteMs,
    refreshGracePeriodMs: reader.durationMs(
      'refreshGracePeriod',
      0,
      5 * MINUTE,
      Math.min(30 * SECOND, longestGraceMs(shortestIdleMs - accessTokenLifetimeMs)),
    ),
  };
}

/** Refuses lifetimes that contradict each other. */
export function checkLifetimes(options: Lifetimes, reader: OptionReader): void {
  if (options.accessTokenLifetimeMs >= options.refreshTokenLifetimeMs) {
    reader.problem('accessTokenLifetime', 'is not shorter than `refreshTokenLifetime`');
  }
  const restMs =
    Math.min(options.refreshTokenLifetimeMs, options.nonPersistentLifetimeMs) -
    options.accessTokenLifetimeMs;
  if (restMs > 0 && options.refreshGracePeriodMs > longestGraceMs(restMs)) {
    reader.problem(
      'refreshGracePeriod',
      'is longer than a quarter of the time by which `refreshTokenLifetime` and `nonPersistentLifetime` exceed `accessTokenLifetime`: ' +
        'a session in use could end',
    );
  }
  if (options.accessTokenLifetimeMs >= options.nonPersistentLifetimeMs) {
    reader.problem('nonPersistentLifetime', 'is not longer than `accessTokenLifetime`');
  }
  if (options.nonPersistentLifetimeMs > options.refreshTokenLifetimeMs) {
    reader.problem('nonPersistentLifetime', 'is longer than `refreshTokenLifetime`');
  }
}

// A refresh before the next rotation extends no cookie, so the rotation must come before the cookie's end, with time to
// spare.
function longestGraceMs(restMs: number): number {
  return Math.max(0, Math.floor(restMs / (GRACE_PERIODS_TO_ROTATION + 1)));
}
