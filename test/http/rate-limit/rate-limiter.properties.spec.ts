import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientAddress } from '../../../lib/http/rate-limit/client-address.js';
import { MemoryCounter } from '../../../lib/http/rate-limit/memory-counter.js';
import { RateLimiter } from '../../../lib/http/rate-limit/rate-limiter.js';
import { TooManyRequestsException, type RateLimitCounter } from '../../../lib/index.js';
import { resolveSessionOptions } from '../../../lib/options/resolve-options.js';
import { FakeClock } from '../../../lib/testing/index.js';
import { anyValue, hostileValues } from '../../support/hostile-values.js';

const requestFrom = (ip: unknown): object => ({ method: 'POST', headers: {}, ip });

/** Addresses, each in spellings that are its own alone. */
const ADDRESSES = [
  ['203.0.113.7', '::ffff:203.0.113.7', '::FFFF:cb00:7107', '203.0.113.7:4711'],
  ['203.0.113.8', '203.0.113.8:80'],
  ['2001:db8:0:1::7', '2001:0DB8:0:1:FFFF::', '[2001:db8:0:1::8]:443', '2001:db8:0:1::7%eth0'],
  ['2001:db8:0:2::7', '[2001:db8:0:2::]'],
  ['a socket', 'a socket'],
];

type Step =
  | { readonly does: 'login' | 'failure'; readonly address: number; readonly spelling: number }
  | { readonly does: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constantFrom('login', 'login', 'failure'),
      address: fc.nat(ADDRESSES.length - 1),
      spelling: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 999, 1_000, 1_001, 4_999, 5_000, 60_000),
    }),
  },
);

const anyLimit = fc.oneof(
  fc.constant(false as const),
  fc.record({ max: fc.integer({ min: 1, max: 4 }), per: fc.constantFrom(1, 5) }),
);

type Limit = false | { readonly max: number; readonly per: number };

/** What the documentation says of a window: it begins with the first request, and anew once it is over. */
class Counts {
  private readonly windows = new Map<number, { count: number; endsAtMs: number }>();

  constructor(private readonly limit: Limit) {}

  of(address: number, nowMs: number): number {
    const window = this.windows.get(address);
    return window === undefined || nowMs >= window.endsAtMs ? 0 : window.count;
  }

  add(address: number, nowMs: number): void {
    if (this.limit === false) return;
    const count = this.of(address, nowMs) + 1;
    const begun = { count, endsAtMs: nowMs + this.limit.per * 1000 };
    const open = this.windows.get(address);
    if (count > 1 && open !== undefined) open.count = count;
    else this.windows.set(address, begun);
  }

  isFull(address: number, nowMs: number, more: number): boolean {
    return this.limit !== false && this.of(address, nowMs) + more > this.limit.max;
  }
}

async function isRefused(attempt: Promise<void>): Promise<boolean> {
  try {
    await attempt;
    return false;
  } catch (error) {
    if (error instanceof TooManyRequestsException) return true;
    throw error;
  }
}

function limiterWith(rateLimit: object, clock = new FakeClock(0)): RateLimiter {
  return new RateLimiter(clock, resolveSessionOptions({ rateLimit }, { production: true }));
}

describe('an address', () => {
  it('is refused exactly when its count within the window is above the limit', async () => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      anyLimit,
      anyLimit,
      async (steps, logins, failures) => {
        const clock = new FakeClock(0);
        const limiter = limiterWith({ logins, failures, refreshes: false }, clock);
        const attempts = new Counts(logins);
        const wrong = new Counts(failures);
        const found: boolean[] = [];
        const expected: boolean[] = [];
        for (const each of steps) {
          const now = clock.now();
          if (each.does === 'wait') clock.advanceMs(each.ms);
          else {
            const { address } = each;
            const spellings = ADDRESSES[address] ?? [];
            const request = requestFrom(spellings[each.spelling % spellings.length]);
            if (each.does === 'failure') {
              await limiter.countFailure(request);
              wrong.add(address, now);
              continue;
            }
            const isLockedOut = wrong.isFull(address, now, 1);
            const isExpected = isLockedOut || attempts.isFull(address, now, 1);
            if (!isLockedOut) attempts.add(address, now);
            const refused = await isRefused(limiter.countByHand(request));
            if (!refused) await limiter.aroundCreated(request, async () => undefined);
            found.push(refused);
            expected.push(isExpected);
          }
        }
        expect(found).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  it('is one in every spelling of IPv6, with all that its network has', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const spelled = (groups: readonly number[], isLong: boolean, isUpper: boolean): string => {
      const texts = groups.map((each) => each.toString(16).padStart(isLong ? 4 : 1, '0'));
      const text = texts.join(':');
      return isUpper ? text.toUpperCase() : text;
    };
    const property = fc.property(
      fc.tuple(group, group, group, group),
      fc.array(fc.tuple(group, group, group, group), { minLength: 2, maxLength: 4 }),
      (network, hosts) => {
        // What is IPv4 within IPv6 is another address for each host.
        fc.pre(network.some((each) => each !== 0));
        const spellings = hosts.flatMap((host) => [
          spelled([...network, ...host], false, false),
          spelled([...network, ...host], true, true),
          `[${spelled([...network, ...host], false, true)}]:443`,
          `${spelled(network, false, false)}::`,
          `${spelled(network, true, false)}::1%eth0`,
        ]);
        expect(new Set(spellings.map((ip) => clientAddress({ ip }))).size).toBe(1);
      },
    );
    fc.assert(property);
  });

  it('is another where its network is another', () => {
    const property = fc.property(fc.ipV4(), fc.ipV4(), (one, other) => {
      fc.pre(one !== other);
      expect(clientAddress({ ip: one })).not.toBe(clientAddress({ ip: other }));
    });
    fc.assert(property);
  });
});

describe('what is no request', () => {
  it.each([
    ['where it is limited', {}],
    ['where nothing is limited', false as const],
  ])('is refused by name, %s', async (_, rateLimit) => {
    const limiter = new RateLimiter(
      new FakeClock(0),
      resolveSessionOptions({ rateLimit }, { production: true }),
    );
    const expected = expect.objectContaining({
      name: 'TypeError',
      message: expect.stringContaining('expected the request of') as string,
    }) as Error;
    for (const make of Object.values(hostileValues)) {
      await expect(limiter.countByHand(make() as object)).rejects.toThrow(expected);
      await expect(limiter.countFailure(make())).rejects.toThrow(expected);
    }
  });
});

describe('what is counted', () => {
  it('is kept under keys of at most 100 characters, whatever the framework calls an address', async () => {
    const keys: string[] = [];
    const counter: RateLimitCounter = { add: (key) => keys.push(key) && 1 };
    const limiter = limiterWith({ counter });
    const count = async (ip: unknown): Promise<void> => {
      await limiter.countByHand(requestFrom(ip));
      await limiter.countFailure(requestFrom(ip));
    };
    for (const make of Object.values(hostileValues)) await count(make());
    await fc.assert(fc.asyncProperty(fc.oneof(anyValue, fc.ipV6(), fc.ipV4()), count));
    expect(keys.length).toBeGreaterThan(100);
    expect(keys.filter((key) => key.length > 100)).toEqual([]);
  });

  it('takes memory for each address once, and up to a bound', () => {
    const clock = new FakeClock(0);
    const counter = new MemoryCounter(clock);
    const property = fc.property(
      fc.array(fc.tuple(fc.nat(99), fc.constantFrom(0 as const, 1 as const), fc.nat(2_000))),
      (additions) => {
        for (const [address, amount, ms] of additions) {
          counter.add(`logins:${address}`, amount, 1_000);
          clock.advanceMs(ms);
        }
        expect(counter.size).toBeLessThanOrEqual(100);
      },
    );
    fc.assert(property);
    for (let index = 0; index < 60_000; index += 1) counter.add(`failures:${index}`, 1, 1_000);
    expect(counter.size).toBe(50_000);
  });
});
