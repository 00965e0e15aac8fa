import { describe, expect, it } from 'vitest';
import { PrimitiveClaim } from '../../lib/claims/primitive-claim.js';

const NOW = { nowMs: 2_000 };
const plan = new PrimitiveClaim<string | number | boolean | null>({
  key: 'plan',
  fetchValue: () => 'pro',
});

describe('hasValue', () => {
  const hasPro = plan.validators.hasValue('pro');

  it('holds when the value is the same', async () => {
    expect(await hasPro.validate({ plan: { v: 'pro', t: 1 } }, NOW)).toStrictEqual({
      isValid: true,
    });
  });

  it('says what it expected when there is no value', async () => {
    expect(await hasPro.validate({}, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', expectedValue: 'pro' },
    });
  });

  it('says what it expected and what it found when the value is another', async () => {
    expect(await hasPro.validate({ plan: { v: 'free', t: 1 } }, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'wrong value', expectedValue: 'pro', actualValue: 'free' },
    });
  });

  it.each([
    ['0', 0],
    ['', false],
    [0, false],
    ['true', true],
    ['null', null],
    [1, true],
  ])('does not take %j for %j', async (found, expected) => {
    const validator = plan.validators.hasValue(expected);
    expect(await validator.validate({ plan: { v: found, t: 1 } }, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'wrong value', expectedValue: expected, actualValue: found },
    });
  });

  it.each(['', 0, false, null])('holds for %j, which is a value', async (value) => {
    const validator = plan.validators.hasValue(value);
    expect(await validator.validate({ plan: { v: value, t: 1 } }, NOW)).toStrictEqual({
      isValid: true,
    });
  });

  it('does not hold for a malformed entry, whatever it says', async () => {
    expect(await hasPro.validate({ plan: 'pro' }, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', expectedValue: 'pro' },
    });
  });
});
