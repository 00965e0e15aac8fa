import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { NO_PARENT_HASH } from '../../lib/tokens/refresh-token.js';
import { decideRotation, type RotationState } from '../../lib/tokens/rotation.js';

const GRACE_PERIOD_MS = 30_000;

// The line of one session: a login, then a token for each generation. Siblings share generation and parent.
const first = { generation: 0, parentHash: NO_PARENT_HASH, hash: 'first' };
const grandparent = { generation: 5, parentHash: 'older', hash: 'grandparent' };
const parent = { generation: 6, parentHash: 'grandparent', hash: 'parent' };
const parentsSibling = { generation: 6, parentHash: 'grandparent', hash: 'sibling of the parent' };
const current = { generation: 7, parentHash: 'parent', hash: 'current' };
const currentsSibling = { generation: 7, parentHash: 'parent', hash: 'sibling of the current one' };
const child = { generation: 8, parentHash: 'current', hash: 'child' };
const otherLine = { generation: 7, parentHash: 'sibling of the parent', hash: 'of another line' };

const unconfirmed = row(null);
const confirmed = row(1_000);

function row(confirmedAtMs: number | null): RotationState {
  return { generation: 7, parentHash: 'parent', confirmedAtMs };
}

describe('a presented refresh token', () => {
  it.each([
    [
      'rotates when it is current and its generation was confirmed three grace periods ago',
      current,
      confirmed,
      91_000,
      'rotate',
    ],
    ['rotates when that was any longer ago', current, confirmed, 9e12, 'rotate'],
    [
      'rotates for each of the tokens of a generation alike',
      currentsSibling,
      confirmed,
      91_000,
      'rotate',
    ],
    ['is given back one millisecond earlier', current, confirmed, 90_999, 'repeat'],
    ['is given back at the moment of the confirmation', current, confirmed, 1_000, 'repeat'],
    [
      'is given back when its generation is unconfirmed, however late',
      current,
      unconfirmed,
      9e12,
      'repeat',
    ],
    [
      'gets a sibling when it is the parent of an unconfirmed generation, however late',
      parent,
      unconfirmed,
      9e12,
      'sibling',
    ],
    [
      'gets a sibling when it is the parent, one millisecond before the window closes',
      parent,
      confirmed,
      30_999,
      'sibling',
    ],
    [
      'is reuse when it is the parent and a grace period has passed since the confirmation',
      parent,
      confirmed,
      31_000,
      'reuse',
    ],
    ['is reuse when it is the parent, any later', parent, confirmed, 9e12, 'reuse'],
    [
      'is reuse when it is a sibling of the parent, though the window is open',
      parentsSibling,
      confirmed,
      1_000,
      'reuse',
    ],
    [
      'is reuse when it is a sibling of the parent of an unconfirmed generation',
      parentsSibling,
      unconfirmed,
      1_000,
      'reuse',
    ],
    ['is reuse when it is the grandparent', grandparent, unconfirmed, 1_000, 'reuse'],
    [
      'is reuse when it is the first token of a session that has moved on',
      first,
      unconfirmed,
      1_000,
      'reuse',
    ],
    [
      'is reuse when it has the generation of the row and another parent',
      otherLine,
      unconfirmed,
      1_000,
      'reuse',
    ],
    ["is ahead when its generation is later than the row's", child, confirmed, 31_000, 'ahead'],
    [
      'is ahead when it is later by far',
      { ...child, generation: 0xffff_ffff },
      confirmed,
      31_000,
      'ahead',
    ],
  ])('%s', (_title, token, state, nowMs, decision) => {
    expect(decideRotation(token, state, GRACE_PERIOD_MS, nowMs)).toBe(decision);
  });

  it('is judged as current only with the generation of the row', () => {
    const posing = { generation: 6, parentHash: 'parent', hash: 'posing as current' };
    expect(decideRotation(posing, unconfirmed, GRACE_PERIOD_MS, 1_000)).toBe('reuse');
  });

  it("is judged as the parent only with the generation before the row's", () => {
    const posing = { ...grandparent, hash: 'parent' };
    expect(decideRotation(posing, unconfirmed, GRACE_PERIOD_MS, 1_000)).toBe('reuse');
  });
});

describe('the first token of a session', () => {
  const login = { generation: 0, parentHash: NO_PARENT_HASH, confirmedAtMs: null };
  const afterOneRotation = { generation: 1, parentHash: 'first', confirmedAtMs: null };

  it.each([
    ['rotates at once: nothing else of its generation can be under way', login],
    ['rotates also when its generation was confirmed just now', { ...login, confirmedAtMs: 1_000 }],
  ])('%s', (_title, state) => {
    expect(decideRotation(first, state, GRACE_PERIOD_MS, 1_000)).toBe('rotate');
  });

  it('gets a sibling when its rotation was not confirmed', () => {
    expect(decideRotation(first, afterOneRotation, GRACE_PERIOD_MS, 9e12)).toBe('sibling');
  });

  it('is no parent of its own generation, although both name no parent', () => {
    const odd = { generation: 0, parentHash: 'another', hash: NO_PARENT_HASH };
    expect(decideRotation(odd, login, GRACE_PERIOD_MS, 1_000)).toBe('reuse');
  });
});

describe('a clock that has gone back', () => {
  it.each([999, 0, -9e12])(
    'leaves the window open at %d, and takes nobody for a thief',
    (nowMs) => {
      expect(decideRotation(current, confirmed, GRACE_PERIOD_MS, nowMs)).toBe('repeat');
      expect(decideRotation(parent, confirmed, GRACE_PERIOD_MS, nowMs)).toBe('sibling');
    },
  );

  it('changes nothing for a token that no window admits', () => {
    expect(decideRotation(grandparent, confirmed, GRACE_PERIOD_MS, 0)).toBe('reuse');
    expect(decideRotation(child, confirmed, GRACE_PERIOD_MS, 0)).toBe('ahead');
  });
});

describe('without a grace period', () => {
  it.each([
    [
      'a current token rotates although its generation is unconfirmed',
      current,
      unconfirmed,
      'rotate',
    ],
    ['a current token rotates at the moment of the confirmation', current, confirmed, 'rotate'],
    ['the parent is reuse although the generation is unconfirmed', parent, unconfirmed, 'reuse'],
    ['the parent is reuse at the moment of the confirmation', parent, confirmed, 'reuse'],
    ['an older token is reuse', grandparent, unconfirmed, 'reuse'],
    ['a later token is ahead', child, unconfirmed, 'ahead'],
  ])('%s', (_title, token, state, decision) => {
    expect(decideRotation(token, state, 0, 1_000)).toBe(decision);
  });

  it('a clock that has gone back opens nothing', () => {
    expect(decideRotation(current, confirmed, 0, 0)).toBe('rotate');
    expect(decideRotation(parent, confirmed, 0, 0)).toBe('reuse');
  });
});

describe('a decision', () => {
  const hash = fc.constantFrom('a', 'b', 'c', NO_PARENT_HASH);
  const generation = fc.integer({ min: 1, max: 4 });
  const token = fc.record({ generation, parentHash: hash, hash });
  const state = fc.record({
    generation,
    parentHash: hash,
    confirmedAtMs: fc.option(fc.integer({ min: 0, max: 100 })),
  });
  const times = fc.integer({ min: 0, max: 200 });
  const gracePeriod = fc.integer({ min: 0, max: 100 });

  it('depends on how far apart the generations are, not on how many there were', () => {
    const by = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(token, state, gracePeriod, times, by, (presented, at, grace, nowMs, shift) => {
        const later = { ...presented, generation: presented.generation + shift };
        const laterRow = { ...at, generation: at.generation + shift };
        expect(decideRotation(later, laterRow, grace, nowMs)).toBe(
          decideRotation(presented, at, grace, nowMs),
        );
      }),
    );
  });

  it('depends on how long ago the confirmation was, not on the date', () => {
    const by = fc.integer({ min: 1, max: 2 ** 40 });
    fc.assert(
      fc.property(token, state, gracePeriod, times, by, (presented, at, grace, nowMs, shift) => {
        const confirmedAtMs = at.confirmedAtMs === null ? null : at.confirmedAtMs + shift;
        const later = { ...at, confirmedAtMs };
        expect(decideRotation(presented, later, grace, nowMs + shift)).toBe(
          decideRotation(presented, at, grace, nowMs),
        );
      }),
    );
  });

  it('of reuse never becomes milder as time passes', () => {
    fc.assert(
      fc.property(token, state, gracePeriod, times, times, (presented, at, grace, nowMs, byMs) => {
        fc.pre(decideRotation(presented, at, grace, nowMs) === 'reuse');
        expect(decideRotation(presented, at, grace, nowMs + byMs)).toBe('reuse');
      }),
    );
  });
});
