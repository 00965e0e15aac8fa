import { describe, expect, it } from 'vitest';
import { BooleanClaim } from '../../lib/claims/boolean-claim.js';
import { PrimitiveArrayClaim } from '../../lib/claims/primitive-array-claim.js';
import { PrimitiveClaim } from '../../lib/claims/primitive-claim.js';
import type { SessionClaimValidator } from '../../lib/claims/session-claim-validator.js';

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'pro' });
const teams = new PrimitiveArrayClaim<string>({ key: 'teams', fetchValue: () => ['red'] });
const adult = new BooleanClaim({ key: 'adult', fetchValue: () => true });

type Make = (maxAgeInSeconds?: number, id?: string) => SessionClaimValidator;

// Each validator with a payload, fetched at 1,000 ms, whose value it does not accept, and one that it does.
const everyValidator: [string, Make, wrong: object, right: object][] = [
  [
    'hasValue',
    (...rest) => plan.validators.hasValue('pro', ...rest),
    at(plan, 'free'),
    at(plan, 'pro'),
  ],
  ['isTrue', (...rest) => adult.validators.isTrue(...rest), at(adult, false), at(adult, true)],
  ['isFalse', (...rest) => adult.validators.isFalse(...rest), at(adult, true), at(adult, false)],
  [
    'includes',
    (...rest) => teams.validators.includes('a', ...rest),
    at(teams, ['b']),
    at(teams, ['a']),
  ],
  [
    'excludes',
    (...rest) => teams.validators.excludes('a', ...rest),
    at(teams, ['a']),
    at(teams, ['b']),
  ],
  [
    'includesAll',
    (...rest) => teams.validators.includesAll(['a'], ...rest),
    at(teams, ['b']),
    at(teams, ['a']),
  ],
  [
    'includesAny',
    (...rest) => teams.validators.includesAny(['a'], ...rest),
    at(teams, ['b']),
    at(teams, ['a']),
  ],
  [
    'excludesAll',
    (...rest) => teams.validators.excludesAll(['a'], ...rest),
    at(teams, ['a']),
    at(teams, ['b']),
  ],
];

describe.each(everyValidator)('the validator %s', (_, make, wrong, right) => {
  it('judges the existence of a value before its age and the value itself', async () => {
    expect(await make(0).validate({}, { nowMs: 9_000 })).toMatchObject({
      isValid: false,
      reason: { message: 'value does not exist' },
    });
  });

  it('judges the age before the value itself', async () => {
    expect(await make(7).validate({ ...wrong }, { nowMs: 8_001 })).toStrictEqual({
      isValid: false,
      reason: { message: 'expired', ageInSeconds: 7.001, maxAgeInSeconds: 7 },
    });
  });

  it('judges the value at exactly the maximum age', async () => {
    expect(await make(7).validate({ ...right }, { nowMs: 8_000 })).toStrictEqual({ isValid: true });
    expect(await make(7).validate({ ...wrong }, { nowMs: 8_000 })).toMatchObject({
      isValid: false,
      reason: { message: 'wrong value' },
    });
  });

  it('refuses the right value one millisecond past the maximum age', async () => {
    expect(await make(7).validate({ ...right }, { nowMs: 8_001 })).toStrictEqual({
      isValid: false,
      reason: { message: 'expired', ageInSeconds: 7.001, maxAgeInSeconds: 7 },
    });
  });

  it('accepts a value of any age without a maximum age', async () => {
    expect(await make().validate({ ...right }, { nowMs: 9e12 })).toStrictEqual({ isValid: true });
  });

  it('wants a refetch when there is no value', async () => {
    expect(await make().shouldRefetch?.({}, { nowMs: 9_000 })).toBe(true);
  });

  it('wants a refetch one millisecond past the maximum age, not at it', async () => {
    expect(await make(7).shouldRefetch?.({ ...right }, { nowMs: 8_000 })).toBe(false);
    expect(await make(7).shouldRefetch?.({ ...right }, { nowMs: 8_001 })).toBe(true);
  });

  it('wants no refetch without a maximum age, nor because the value is wrong', async () => {
    expect(await make().shouldRefetch?.({ ...right }, { nowMs: 9e12 })).toBe(false);
    expect(await make(7).shouldRefetch?.({ ...wrong }, { nowMs: 8_000 })).toBe(false);
  });

  it('is known by the key of its claim, or by an id of its own', () => {
    expect(make().id).toBe(make().claim?.key);
    expect(make(undefined, 'my-rule').id).toBe('my-rule');
  });

  it('refuses a maximum age that would let every age pass', () => {
    expect(() => make(NaN)).toThrow(
      new TypeError('maxAgeInSeconds is NaN; it must be a number of seconds, not negative.'),
    );
  });
});

describe('the maximum age of a validator', () => {
  const daily = new PrimitiveClaim<string>({
    key: 'plan',
    fetchValue: () => 'pro',
    defaultMaxAgeInSeconds: 60,
  });
  const payload = { plan: { v: 'pro', t: 1_000 } };

  it("is the claim's default when the validator says nothing", async () => {
    const validator = daily.validators.hasValue('pro');
    expect(await validator.validate(payload, { nowMs: 61_000 })).toStrictEqual({ isValid: true });
    expect(await validator.validate(payload, { nowMs: 61_001 })).toStrictEqual({
      isValid: false,
      reason: { message: 'expired', ageInSeconds: 60.001, maxAgeInSeconds: 60 },
    });
    expect(await validator.shouldRefetch?.(payload, { nowMs: 61_001 })).toBe(true);
  });

  it("goes before the claim's default", async () => {
    const validator = daily.validators.hasValue('pro', 5);
    expect(await validator.validate(payload, { nowMs: 6_001 })).toMatchObject({ isValid: false });
    const lenient = daily.validators.hasValue('pro', 600);
    expect(await lenient.validate(payload, { nowMs: 61_001 })).toStrictEqual({ isValid: true });
  });

  it('may be 0, which accepts only what was fetched just now', async () => {
    const validator = plan.validators.hasValue('pro', 0);
    expect(await validator.validate(payload, { nowMs: 1_000 })).toStrictEqual({ isValid: true });
    expect(await validator.validate(payload, { nowMs: 1_001 })).toStrictEqual({
      isValid: false,
      reason: { message: 'expired', ageInSeconds: 0.001, maxAgeInSeconds: 0 },
    });
  });

  it('is passed by a claim that cannot say when its value was fetched', async () => {
    class Timeless extends PrimitiveClaim<string> {
      override getLastFetchedTimeMs(): undefined {
        return undefined;
      }
    }
    const timeless = new Timeless({ key: 'plan', fetchValue: () => 'pro' });
    expect(
      await timeless.validators.hasValue('pro', 60).validate(payload, { nowMs: 1_000 }),
    ).toStrictEqual({
      isValid: false,
      reason: { message: 'expired', ageInSeconds: Infinity, maxAgeInSeconds: 60 },
    });
  });
});

function at(claim: { key: string }, value: unknown): object {
  return { [claim.key]: { v: value, t: 1_000 } };
}
