import { describe, expect, it } from 'vitest';
import { PrimitiveArrayClaim } from '../../lib/claims/primitive-array-claim.js';
import type { SessionClaimValidator } from '../../lib/claims/session-claim-validator.js';

const NOW = { nowMs: 2_000 };
const teams = new PrimitiveArrayClaim<string | number>({ key: 'teams', fetchValue: () => ['a'] });
const { includes, excludes, includesAll, includesAny, excludesAll } = teams.validators;

describe('a list claim', () => {
  it.each<[string, SessionClaimValidator, unknown[]]>([
    ['includes a value that is there', includes('a'), ['b', 'a']],
    ['excludes a value that is not there', excludes('a'), ['b']],
    ['excludes any value when it is empty', excludes('a'), []],
    ['includes all values that are there', includesAll(['a', 'b']), ['b', 'c', 'a']],
    ['includes all of no values', includesAll([]), []],
    ['includes any of the values when one is there', includesAny(['x', 'a']), ['a', 'b']],
    ['excludes all values when none is there', excludesAll(['x', 'y']), ['a', 'b']],
    ['excludes all of no values', excludesAll([]), ['a']],
  ])('%s', async (_, validator, value) => {
    expect(await validator.validate({ teams: { v: value, t: 1 } }, NOW)).toStrictEqual({
      isValid: true,
    });
  });

  it.each<[string, SessionClaimValidator, object]>([
    ['includes', includes('a'), { expectedToInclude: 'a' }],
    ['excludes', excludes('a'), { expectedToNotInclude: 'a' }],
    ['includesAll', includesAll(['a', 'b']), { expectedToInclude: ['a', 'b'] }],
    // The key that SuperTokens' backend uses here, though it says the opposite.
    ['includesAny', includesAny(['a', 'b']), { expectedToNotInclude: ['a', 'b'] }],
    ['excludesAll', excludesAll(['a', 'b']), { expectedToNotInclude: ['a', 'b'] }],
  ])('fails %s without a value', async (_, validator, expected) => {
    expect(await validator.validate({}, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', ...expected },
    });
  });

  it.each<[string, SessionClaimValidator, unknown[], object]>([
    ['includes', includes('a'), ['b'], { expectedToInclude: 'a' }],
    ['includes', includes('a'), [], { expectedToInclude: 'a' }],
    ['includes', includes('1'), [1], { expectedToInclude: '1' }],
    ['includes', includes('a'), ['aa'], { expectedToInclude: 'a' }],
    ['excludes', excludes('a'), ['b', 'a'], { expectedToNotInclude: 'a' }],
    ['includesAll', includesAll(['a', 'b']), ['a'], { expectedToInclude: ['a', 'b'] }],
    ['includesAny', includesAny(['a', 'b']), ['c'], { expectedToIncludeAtLeastOneOf: ['a', 'b'] }],
    ['includesAny', includesAny([]), ['c'], { expectedToIncludeAtLeastOneOf: [] }],
    ['excludesAll', excludesAll(['a', 'b']), ['c', 'b'], { expectedToNotInclude: ['a', 'b'] }],
  ])('fails %s with a wrong value', async (_, validator, value, expected) => {
    expect(await validator.validate({ teams: { v: value, t: 1 } }, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'wrong value', ...expected, actualValue: value },
    });
  });

  it.each<[string, unknown]>([
    ['a string', 'abc'],
    ['null', null],
    ['an object with a length', { length: 1, 0: 'a' }],
    ['a list of lists', [['a']]],
    ['a list with an object', ['a', {}]],
  ])('has no value when it is %s, so that even excludes fails', async (_, value) => {
    const payload = { teams: { v: value, t: 1 } };
    expect(teams.getValueFromPayload(payload)).toBeUndefined();
    expect(await excludes('z').validate(payload, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', expectedToNotInclude: 'z' },
    });
  });

  it('may be empty', () => {
    expect(teams.getValueFromPayload({ teams: { v: [], t: 1 } })).toStrictEqual([]);
  });
});

describe('the values of a list validator', () => {
  it.each([
    ['includes', () => includes(undefined as never)],
    ['excludes', () => excludes(undefined as never)],
    ['excludesAll', () => excludesAll([undefined as never])],
  ])('are values that a list can hold: %s refuses a constant that is not there', (_, make) => {
    expect(make).toThrow(
      new TypeError(
        'The value of a claim validator is of type undefined; it must be a string, a number, a boolean or null.',
      ),
    );
  });

  it.each([
    ['includesAll', includesAll],
    ['includesAny', includesAny],
    ['excludesAll', excludesAll],
  ])('are a list: %s refuses a string, whose letters it would compare', (_, make) => {
    expect(() => Reflect.apply(make, undefined, ['admin'])).toThrow(
      new TypeError('The values of a claim validator are of type string; they must be an array.'),
    );
  });

  it('are those at the time the validator was made', async () => {
    const values = ['a', 'b'];
    const validator = includesAll(values);
    values.pop();
    expect(await validator.validate({ teams: { v: ['a'], t: 1 } }, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'wrong value', expectedToInclude: ['a', 'b'], actualValue: ['a'] },
    });
  });

  it('holds up to 4,096 values, and its validators ask for as many', async () => {
    const values = (length: number) => Array.from({ length }, (_, index) => index);
    const payload = (length: number) => ({ teams: { v: values(length), t: 1 } });
    const judge = async (validator: SessionClaimValidator, length: number) =>
      (await validator.validate(payload(length), NOW)).isValid;
    expect(await judge(includes(0), 4_096)).toBe(true);
    expect(await judge(includes(0), 4_097)).toBe(false);
    expect(await judge(includesAll(values(4_096)), 4_096)).toBe(true);
    expect(() => includesAll(values(4_097))).toThrow(TypeError);
  });
});
