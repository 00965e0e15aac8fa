import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activeKey,
  nextKeyDueAtMs,
  publicationLeadMs,
  signsUntilMs,
  verifiesUntilMs,
} from '../../lib/keys/key-schedule.js';

const DAY = 24 * 60 * 60 * 1000;
const HOUR = 60 * 60 * 1000;
const MINUTE = 60 * 1000;
const WEEK = 7 * DAY;
const keys = [
  { kid: 'first', algorithm: 'ES256', activeAtMs: 0 },
  { kid: 'second', algorithm: 'ES256', activeAtMs: WEEK },
  { kid: 'third', algorithm: 'ES256', activeAtMs: 2 * WEEK },
];
const [first, second, third] = keys;

describe('a new signing key', () => {
  it.each([
    ['a minute', WEEK, MINUTE],
    ['a minute', HOUR, MINUTE],
    ['a minute', 10 * MINUTE, MINUTE],
    ['a tenth of a short interval', 5 * MINUTE, 30_000],
    ['a tenth of a short interval', 30_000, 3_000],
    ['a second at least', 10_000, 1_000],
    ['a second at least', 1_000, 1_000],
  ])('K3: is published %s before it signs, where the interval is %i ms', (_, intervalMs, leadMs) =>
    expect(publicationLeadMs(intervalMs)).toBe(leadMs),
  );

  it('is due in time to be published before the newest one has had its interval', () => {
    expect(nextKeyDueAtMs(keys, WEEK)).toBe(3 * WEEK - MINUTE);
    expect(nextKeyDueAtMs(keys.slice(0, 1), WEEK)).toBe(WEEK - MINUTE);
  });

  it('is not due by a schedule where there is none yet', () => {
    expect(nextKeyDueAtMs([], WEEK)).toBeUndefined();
  });
});

describe('the key that signs', () => {
  it.each([
    ['the first, from its first moment', 0, first],
    ['the first, to the last moment before the second', WEEK - 1, first],
    ['the second, from its first moment', WEEK, second],
    ['the third, for as long as there is no fourth', 1000 * WEEK, third],
    ['none, where none is active yet', -1, undefined],
  ])('is %s', (_, nowMs, key) => expect(activeKey(keys, nowMs)).toBe(key));

  it('is none where there is none', () => expect(activeKey([], 0)).toBeUndefined());
});

const times = { rotationIntervalMs: WEEK, accessTokenLifetimeMs: HOUR };

describe('a key verifies', () => {
  it('until the last token that it signed has expired, and two minutes more for instances that learn late', () => {
    expect(first && verifiesUntilMs(first, keys, times)).toBe(WEEK + HOUR + 2 * MINUTE);
    const long = { ...times, accessTokenLifetimeMs: 30 * DAY };
    expect(second && verifiesUntilMs(second, keys, long)).toBe(2 * WEEK + 30 * DAY + 2 * MINUTE);
  });

  it('without end while no other has taken over', () => {
    expect(third && verifiesUntilMs(third, keys, times)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a key beside those of another algorithm', () => {
  const rs256 = (activeAtMs: number): (typeof keys)[number] => ({
    kid: 'other',
    algorithm: 'RS256',
    activeAtMs,
  });

  it.each([
    ['to the end of its interval where the other is younger', [rs256(DAY)], WEEK],
    ['until the other signs where its interval was over', [rs256(4 * WEEK)], 4 * WEEK],
    ['without end where the other is older', [rs256(-1)], Number.POSITIVE_INFINITY],
    ['until its successor signs, also if that is late', [rs256(DAY), ...keys.slice(2)], 2 * WEEK],
  ])('signs %s', (_, others, untilMs) => {
    const all = [...keys.slice(0, 1), ...others].toSorted((a, b) => a.activeAtMs - b.activeAtMs);
    expect(first && signsUntilMs(first, all, WEEK)).toBe(untilMs);
  });
});

interface MadeKey {
  kid: string;
  algorithm: string;
  activeAtMs: number;
  madeAtMs: number;
}

/** Instances of several algorithms on one table, which know the keys as of a while ago. */
class Table {
  readonly signed: { key: MadeKey; atMs: number }[] = [];
  private everMade: MadeKey[] = [];
  private gone = new Set<MadeKey>();

  constructor(private readonly lived: typeof times) {}

  get rows(): MadeKey[] {
    return this.everMade.filter((key) => !this.gone.has(key));
  }

  isTrusted(key: MadeKey, nowMs: number): boolean {
    return this.rows.includes(key) && nowMs < verifiesUntilMs(key, this.rows, this.lived);
  }

  sign(algorithm: string, nowMs: number, readAtMs: number): void {
    const seen = this.rows.filter(({ madeAtMs }) => madeAtMs <= readAtMs);
    const active = activeKey(this.signers(seen, algorithm, nowMs), nowMs);
    const key = active ?? this.make(algorithm, nowMs);
    if (key === undefined) return;
    this.signed.push({ key, atMs: nowMs });
    const dueAtMs = nextKeyDueAtMs(this.own(seen, algorithm), this.lived.rotationIntervalMs) ?? 0;
    if (dueAtMs <= nowMs) this.make(algorithm, nowMs);
  }

  private make(algorithm: string, nowMs: number): MadeKey | undefined {
    const { rotationIntervalMs } = this.lived;
    const isDue =
      (nextKeyDueAtMs(this.own(this.rows, algorithm), rotationIntervalMs) ?? 0) <= nowMs;
    const canSign = this.signers(this.rows, algorithm, nowMs).length > 0;
    if (isDue) {
      const activeAtMs = nowMs + (canSign ? publicationLeadMs(rotationIntervalMs) : 0);
      const kid = String(this.everMade.length);
      this.everMade.push({ kid, algorithm, activeAtMs, madeAtMs: nowMs });
      this.everMade = this.everMade.toSorted((a, b) => a.activeAtMs - b.activeAtMs);
      for (const key of this.rows) if (!this.isTrusted(key, nowMs)) this.gone.add(key);
    }
    return this.signers(this.rows, algorithm, nowMs).at(-1);
  }

  private own(seen: readonly MadeKey[], algorithm: string): MadeKey[] {
    return seen.filter((key) => key.algorithm === algorithm);
  }

  private signers(seen: readonly MadeKey[], algorithm: string, nowMs: number): MadeKey[] {
    const { rotationIntervalMs } = this.lived;
    return this.own(seen, algorithm).filter(
      (key) => nowMs < signsUntilMs(key, seen, rotationIntervalMs),
    );
  }
}

describe('a key that signs', () => {
  const steps = fc.array(
    fc.record({
      passMs: fc.oneof(
        fc.integer({ min: 0, max: 2 * MINUTE }),
        fc.integer({ min: 0, max: 3 * HOUR }),
        fc.integer({ min: 0, max: 2 * DAY }),
      ),
      algorithm: fc.constantFrom('ES256', 'ES256', 'RS256'),
      ageMs: fc.integer({ min: 0, max: MINUTE }),
    }),
    { maxLength: 60 },
  );
  const lives = fc.record({
    rotationIntervalMs: fc.constantFrom(10 * MINUTE, HOUR, DAY, WEEK),
    accessTokenLifetimeMs: fc.constantFrom(MINUTE, HOUR, DAY),
  });

  it('is trusted for as long as its tokens live, whoever else shares the table', () => {
    fc.assert(
      fc.property(lives, steps, (lived, taken) => {
        const table = new Table(lived);
        let nowMs = 0;
        for (const { passMs, algorithm, ageMs } of taken) {
          nowMs += passMs;
          table.sign(algorithm, nowMs, nowMs - ageMs);
          const alive = table.signed.filter(
            ({ atMs }) => nowMs < atMs + lived.accessTokenLifetimeMs,
          );
          expect(alive.filter(({ key }) => !table.isTrusted(key, nowMs))).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('goes once no instance of its algorithm is left', () => {
    fc.assert(
      fc.property(lives, steps, (lived, taken) => {
        const table = new Table(lived);
        let nowMs = 0;
        for (const { passMs, algorithm } of taken) {
          nowMs += passMs;
          table.sign(algorithm, nowMs, nowMs);
        }
        const { rotationIntervalMs, accessTokenLifetimeMs } = lived;
        const stepMs = rotationIntervalMs + 2 * MINUTE;
        const rotations = 4 + Math.ceil(accessTokenLifetimeMs / stepMs);
        for (let made = 0; made < rotations; made += 1)
          table.sign('RS256', (nowMs += stepMs), nowMs);
        expect(table.rows.filter(({ algorithm }) => algorithm === 'ES256')).toEqual([]);
      }),
    );
  });
});
