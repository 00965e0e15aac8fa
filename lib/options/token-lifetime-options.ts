import { GRACE_PERIODS_TO_ROTATION } from '../tokens/rotation.js';
import { assuranceLimits } from './assurance-profile.js';
import type { OptionReader } from './option-reader.js';
import type { ResolvedSessionOptions } from './resolved-options.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, TEN_YEARS_MS } from '../time/units.js';

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
    SECOND_MS,
    TEN_YEARS_MS,
    limits?.idleMs ?? 100 * DAY_MS,
  );
  const accessTokenLifetimeMs = reader.durationMs(
    'accessTokenLifetime',
    SECOND_MS,
    1000 * DAY_MS,
    limits === undefined ? HOUR_MS : Math.min(HOUR_MS, limits.idleMs / 3),
  );
  const nonPersistentLifetimeMs = reader.durationMs(
    'nonPersistentLifetime',
    SECOND_MS,
    TEN_YEARS_MS,
    Math.min(refreshTokenLifetimeMs, Math.max(DAY_MS, 4 * accessTokenLifetimeMs)),
  );
  const shortestIdleMs = Math.min(refreshTokenLifetimeMs, nonPersistentLifetimeMs);
  return {
    accessTokenLifetimeMs,
    refreshTokenLifetimeMs,
    nonPersistentLifetimeMs,
    absoluteTimeoutMs:
      reader.optionalDurationMs('absoluteTimeout', SECOND_MS, TEN_YEARS_MS) ?? limits?.absoluteMs,
    refreshGracePeriodMs: reader.durationMs(
      'refreshGracePeriod',
      0,
      5 * MINUTE_MS,
      Math.min(30 * SECOND_MS, longestGraceMs(shortestIdleMs - accessTokenLifetimeMs)),
    ),
  };
}

/** Refuses lifetimes that contradict each other. */
export function checkLifetimes(options: Lifetimes, reader: OptionReader): void {
  if (options.accessTokenLifetimeMs >= options.refreshTokenLifetimeMs) {
    const isOfProfile =
      assuranceLimits(reader) && reader.value('refreshTokenLifetime') === undefined;
    reader.problem(
      'accessTokenLifetime',
      `is ${options.accessTokenLifetimeMs / 1000} seconds, which is not shorter than \`refreshTokenLifetime\`: ` +
        `${options.refreshTokenLifetimeMs / 1000}${isOfProfile ? ', set by `profile`' : ''}`,
    );
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
