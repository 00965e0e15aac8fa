import { describe, expect, it } from 'vitest';
import { BooleanClaim } from '../../lib/claims/boolean-claim.js';

const NOW = { nowMs: 2_000 };
const adult = new BooleanClaim({ key: 'adult', fetchValue: () => true });
const { isTrue, isFalse, hasValue } = adult.validators;

describe('a claim that is true or false', () => {
  it.each([
    [true, isTrue()],
    [false, isFalse()],
    [true, hasValue(true)],
    [false, hasValue(false)],
  ])('that is %s passes as what it is', async (value, validator) => {
    expect(await validator.validate({ adult: { v: value, t: 1 } }, NOW)).toStrictEqual({
      isValid: true,
    });
  });

  it.each([
    [false, true, isTrue()],
    [true, false, isFalse()],
  ])('that is %s does not pass as %s', async (value, expected, validator) => {
    expect(await validator.validate({ adult: { v: value, t: 1 } }, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'wrong value', expectedValue: expected, actualValue: value },
    });
  });

  it.each([
    [true, isTrue()],
    [false, isFalse()],
  ])('that is missing does not pass as %s', async (expected, validator) => {
    expect(await validator.validate({}, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', expectedValue: expected },
    });
  });

  it.each([0, 1, '', 'true', null])('is missing when it is %j', (value) => {
    expect(adult.getValueFromPayload({ adult: { v: value, t: 1 } })).toBeUndefined();
  });
});
