import { describe, expect, it } from 'vitest';
import {
  activeKey,
  nextKeyDueAtMs,
  publicationLeadMs,
  verifiesUntilMs,
} from '../../lib/keys/key-schedule.js';

const DAY = 24 * 60 * 60 * 1000;
const HOUR = 60 * 60 * 1000;
const MINUTE = 60 * 1000;
const WEEK = 7 * DAY;
const keys = [
  { kid: 'first', activeAtMs: 0 },
  { kid: 'second', activeAtMs: WEEK },
  { kid: 'third', activeAtMs: 2 * WEEK },
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

describe('a key verifies', () => {
  it('until the last token that it signed has expired, and two minutes more for instances that learn late', () => {
    expect(first && verifiesUntilMs(first, keys, HOUR)).toBe(WEEK + HOUR + 2 * MINUTE);
    expect(second && verifiesUntilMs(second, keys, 30 * DAY)).toBe(
      2 * WEEK + 30 * DAY + 2 * MINUTE,
    );
  });

  it('without end while no other has taken over', () => {
    expect(third && verifiesUntilMs(third, keys, HOUR)).toBe(Number.POSITIVE_INFINITY);
  });
});
