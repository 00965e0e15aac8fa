import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clockOffset,
  correctionMs,
  narrowed,
  remainingErrorMs,
} from '../../lib/time/clock-offset.js';

describe('a look at the database’s clock', () => {
  it('bounds how far that is ahead by the way there and back, and the millisecond that our clock leaves out', () => {
    expect(clockOffset(1_000, 1_500.25, 1_010)).toEqual({ leastMs: 489.25, mostMs: 500.25 });
  });

  it('tells, with another one, what both say', () => {
    const slow = { leastMs: -5, mostMs: 200 };
    const quick = { leastMs: -60, mostMs: 2 };
    expect(narrowed(slow, quick)).toEqual({ leastMs: -5, mostMs: 2 });
    expect(narrowed(quick, slow)).toEqual({ leastMs: -5, mostMs: 2 });
  });

  it('counts alone where the one before says something else: a clock has jumped', () => {
    const later = { leastMs: 900, mostMs: 910 };
    expect(narrowed({ leastMs: -1, mostMs: 1 }, later)).toEqual(later);
  });
});

describe('a clock', () => {
  it.each([
    ['stays where it may be right', -1, 1, 0],
    ['stays where it may be right, however slow the way was', -900, 900, 0],
    ['stays where it may be right at the edge', 0, 8, 0],
    ['goes to the middle where it is wrong for sure', 4, 6, 5],
    ['goes back to the middle too', -90_003, -89_997, -90_000],
    ['goes no further than twice what is sure', 2, 200, 4],
    ['goes back no further than twice what is sure', -200, -2, -4],
    ['is moved by whole milliseconds, and rather by fewer', 3.5, 6.4, 4],
  ])('%s: by from %d to %d it is moved by %d', (_, leastMs, mostMs, expected) => {
    expect(correctionMs({ leastMs, mostMs })).toBe(expected);
  });

  it('may then be wrong by what was not sure', () => {
    expect(remainingErrorMs({ leastMs: -1, mostMs: 2 }, 0)).toBe(2);
    expect(remainingErrorMs({ leastMs: 4, mostMs: 6.5 }, 5)).toBe(1.5);
    expect(remainingErrorMs({ leastMs: 2, mostMs: 200 }, 4)).toBe(196);
  });

  it('is never made worse, and is as near as is said, wherever the look falls into the way there and back', () => {
    const way = fc.integer({ min: 0, max: 3_000 });
    const behindMs = fc.double({ min: -100_000, max: 100_000, noNaN: true });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(behindMs, way, share, share, (behind, wayMs, at, part) => {
        const beforeMs = 1_700_000_000_000;
        // The clock has shown these times since parts of a millisecond.
        const begunAtMs = beforeMs + part * 0.99;
        const offset = clockOffset(beforeMs, begunAtMs + at * wayMs + behind, beforeMs + wayMs);
        const movedByMs = correctionMs(offset);
        const leftMs = Math.abs(behind - movedByMs);
        expect(leftMs).toBeLessThanOrEqual(Math.abs(behind) + 0.001);
        expect(leftMs).toBeLessThanOrEqual(remainingErrorMs(offset, movedByMs) + 0.001);
      }),
    );
  });
});
