import { describe, expect, it } from 'vitest';
import { durationToMs } from '../../lib/time/duration.js';

describe('a duration', () => {
  it.each([
    [0, 0],
    [1, 1_000],
    [30, 30_000],
    [0.25, 250],
    [1e-9, 0],
    [3600, 3_600_000],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['.5h', 1_800_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['1 hour', 3_600_000],
    ['2 days', 172_800_000],
    ['100d', 8_640_000_000],
    ['1w', 604_800_000],
    ['1y', 31_557_600_000],
    ['1H', 3_600_000],
    ['0s', 0],
  ])(
    '%j is %i milliseconds: a number counts seconds, a string says its unit',
    (duration, milliseconds) => expect(durationToMs(duration)).toBe(milliseconds),
  );

  it.each([
    ['not a number', Number.NaN],
    ['endless', Number.POSITIVE_INFINITY],
    ['endless', Number.NEGATIVE_INFINITY],
    ['negative', -1],
    ['negative', '-1h'],
    ['without a unit', '60'],
    ['without a unit', '1e3'],
    ['without a number', 'h'],
    ['without a number', 'one hour'],
    ['of an unknown unit', '1 fortnight'],
    ['of two units', '1h30m'],
    ['of two units', '1h 30m'],
    ['empty', ''],
    ['empty', ' '],
    ['between spaces', ' 1h '],
    ['endless', `${'9'.repeat(400)}y`],
    ['too long to be one', `${'1'.repeat(200)}s`],
    ['no plain text', '1h\u0000'],
    ['of another type', undefined],
    ['of another type', null],
    ['of another type', true],
    ['of another type', 1n],
    ['of another type', ['1h']],
    ['of another type', { hours: 1 }],
    ['of another type', new Date(0)],
    ['of another type', Object('1h')],
  ])('is none where it is %s', (_, duration) => expect(durationToMs(duration)).toBeUndefined());
});
