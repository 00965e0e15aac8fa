import { describe, expect, it } from 'vitest';
import type { SessionModuleOptions } from '../../lib/index.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';

function resolve(rateLimit: unknown) {
  const options = { rateLimit } as SessionModuleOptions;
  return resolveSessionOptions(options, { production: true }).rateLimit;
}

describe('the limits of an address', () => {
  it('are none unless asked for', () => {
    expect([resolve(undefined), resolve(false)]).toEqual([false, false]);
  });

  it('have defaults, and each can be another or none', () => {
    expect(resolve({})).toStrictEqual({
      logins: { max: 60, windowMs: 60_000 },
      refreshes: { max: 600, windowMs: 60_000 },
      failures: { max: 60, windowMs: 600_000 },
      counter: undefined,
    });
    expect(resolve({ logins: false, failures: { max: 5, per: '1h' } })).toMatchObject({
      logins: false,
      failures: { max: 5, windowMs: 3_600_000 },
    });
  });

  it.each([
    [true, '`rateLimit` must be a plain object; got a boolean'],
    [{ login: { max: 1, per: 1 } }, 'Unknown option `rateLimit.login`'],
    [{ logins: true }, '`rateLimit.logins` must be a plain object; got a boolean'],
    [{ logins: { per: '1m' } }, '`rateLimit.logins.max`'],
    [{ logins: { max: 0, per: '1m' } }, '`rateLimit.logins.max`'],
    [{ logins: { max: 5 } }, '`rateLimit.logins.per`'],
    [{ logins: { max: 5, per: '2d' } }, '`rateLimit.logins.per`'],
    [{ counter: () => 1 }, '`rateLimit.counter`'],
  ])('stop the start where they are %j', (rateLimit, problem) => {
    expect(() => resolve(rateLimit)).toThrow(problem);
  });

  it('leave a counter that counts in itself as it is', () => {
    const counter = {
      sum: 0,
      add(_key: string, amount: number): number {
        return (this.sum += amount);
      },
    };
    resolve({ counter });
    expect(counter.add('login', 1)).toBe(1);
  });
});
