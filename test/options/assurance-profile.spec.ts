import { describe, expect, it } from 'vitest';
import type { Duration, SessionModuleOptions } from '../../lib/index.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const resolve = (options: SessionModuleOptions) =>
  resolveSessionOptions(options, { production: false });

/** @see NIST SP 800-63B-4 §2.1.3, §2.2.3, §2.3.3 */
describe('a profile', () => {
  it.each([
    ['aal1', 30 * DAY_MS, 30 * DAY_MS, HOUR_MS],
    ['aal2', HOUR_MS, 24 * HOUR_MS, 20 * MINUTE_MS],
    ['aal3', 15 * MINUTE_MS, 12 * HOUR_MS, 5 * MINUTE_MS],
  ] as const)(
    '%s sets the timeouts, and access tokens that refresh well within them',
    (profile, refreshTokenLifetimeMs, absoluteTimeoutMs, accessTokenLifetimeMs) => {
      expect(resolve({ profile })).toMatchObject({
        refreshTokenLifetimeMs,
        absoluteTimeoutMs,
        accessTokenLifetimeMs,
        nonPersistentLifetimeMs: Math.min(DAY_MS, refreshTokenLifetimeMs),
      });
    },
  );

  it('leaves shorter timeouts as they are', () => {
    const options = { refreshTokenLifetime: '30m', absoluteTimeout: '8h' } as const;
    expect(resolve({ profile: 'aal2', ...options })).toMatchObject({
      refreshTokenLifetimeMs: 30 * MINUTE_MS,
      absoluteTimeoutMs: 8 * HOUR_MS,
    });
  });

  it('refuses longer ones, naming both numbers', () => {
    expect(() =>
      resolve({ profile: 'aal2', refreshTokenLifetime: '2h', absoluteTimeout: '2d' }),
    ).toThrow(
      [
        'SessionModule cannot start:',
        '- `refreshTokenLifetime` is 7200 seconds; the chosen `profile` allows at most 3600',
        '- `absoluteTimeout` is 172800 seconds; the chosen `profile` allows at most 86400',
      ].join('\n'),
    );
  });

  it('names a wrong profile once, and measures no timeout by it', () => {
    // Good without a profile, and too long with any.
    const options = { accessTokenLifetime: '40d', absoluteTimeout: '90d' } as const;
    expect(() => resolve({ profile: 'aal4' as 'aal1', ...options })).toThrow(
      /^SessionModule cannot start:\n- `profile` must be one of "aal1", "aal2", "aal3"; got a string$/,
    );
  });

  it('leaves access tokens longer than its own, and tells the timeout that they reach', () => {
    const lifetimes = (accessTokenLifetime: Duration) =>
      resolve({ profile: 'aal2', accessTokenLifetime });
    expect(lifetimes('30m')).toMatchObject({ accessTokenLifetimeMs: 30 * MINUTE_MS });
    expect(() => lifetimes('1h')).toThrow(
      '- `accessTokenLifetime` is 3600 seconds, which is not shorter than `refreshTokenLifetime`: 3600, set by `profile`',
    );
  });

  it('refuses one second more', () => {
    expect(() => resolve({ profile: 'aal3', absoluteTimeout: 12 * 3_600 })).not.toThrow();
    expect(() => resolve({ profile: 'aal3', absoluteTimeout: 12 * 3_600 + 1 })).toThrow(
      'is 43201 seconds; the chosen `profile` allows at most 43200',
    );
  });

  it('sets nothing where there is none', () => {
    expect(resolve({})).toMatchObject({
      refreshTokenLifetimeMs: 100 * DAY_MS,
      absoluteTimeoutMs: undefined,
    });
  });
});
