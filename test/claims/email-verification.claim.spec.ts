import { describe, expect, it } from 'vitest';
import { EmailVerificationClaim } from '../../lib/claims/email-verification.claim.js';

const claim = new EmailVerificationClaim({ fetchValue: () => true });
const verified = { 'st-ev': { v: true, t: 1_000 } };
const unverified = { 'st-ev': { v: false, t: 1_000 } };

describe('isVerified', () => {
  const isVerified = claim.validators.isVerified();

  it('is known by st-ev and fetches its claim', () => {
    expect(isVerified.id).toBe('st-ev');
    expect(isVerified.claim).toBe(claim);
  });

  it('holds for a verified address', async () => {
    expect(await isVerified.validate(verified, { nowMs: 9e12 })).toStrictEqual({ isValid: true });
  });

  it('does not hold for one that is not', async () => {
    expect(await isVerified.validate(unverified, { nowMs: 1_000 })).toStrictEqual({
      isValid: false,
      reason: { message: 'wrong value', expectedValue: true, actualValue: false },
    });
  });

  it('does not hold when nothing is known', async () => {
    expect(await isVerified.validate({}, { nowMs: 1_000 })).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', expectedValue: true },
    });
  });

  it('does not hold for what is older than its maximum age', async () => {
    const validator = claim.validators.isVerified(10, 60);
    expect(await validator.validate(verified, { nowMs: 61_001 })).toStrictEqual({
      isValid: false,
      reason: { message: 'expired', ageInSeconds: 60.001, maxAgeInSeconds: 60 },
    });
  });

  it.each<[string, object, number, boolean]>([
    ['wants a refetch when nothing is known', {}, 1_000, true],
    ['wants none for a verified address, however old', verified, 9e12, false],
    ['wants none for "not verified" of ten seconds ago', unverified, 11_000, false],
    ['wants one for "not verified" one millisecond later', unverified, 11_001, true],
  ])('%s', async (_, payload, nowMs, wanted) => {
    expect(await isVerified.shouldRefetch?.({ ...payload }, { nowMs })).toBe(wanted);
  });

  it('lets the time after "not verified" be chosen', async () => {
    const validator = claim.validators.isVerified(3);
    expect(await validator.shouldRefetch?.(unverified, { nowMs: 4_000 })).toBe(false);
    expect(await validator.shouldRefetch?.(unverified, { nowMs: 4_001 })).toBe(true);
  });

  it('wants a refetch of anything older than its maximum age', async () => {
    const validator = claim.validators.isVerified(10, 5);
    expect(await validator.shouldRefetch?.(verified, { nowMs: 6_000 })).toBe(false);
    expect(await validator.shouldRefetch?.(verified, { nowMs: 6_001 })).toBe(true);
    expect(await validator.shouldRefetch?.(unverified, { nowMs: 6_001 })).toBe(true);
  });

  it("takes the claim's default for its maximum age", async () => {
    const daily = new EmailVerificationClaim({
      fetchValue: () => true,
      defaultMaxAgeInSeconds: 60,
    });
    const validator = daily.validators.isVerified();
    expect(await validator.validate(verified, { nowMs: 61_001 })).toMatchObject({ isValid: false });
    expect(await validator.shouldRefetch?.(verified, { nowMs: 61_000 })).toBe(false);
    expect(await validator.shouldRefetch?.(verified, { nowMs: 61_001 })).toBe(true);
  });

  it('refuses a time after "not verified" that is no number of seconds', () => {
    expect(() => claim.validators.isVerified(NaN)).toThrow(
      new TypeError(
        'refetchTimeOnFalseInSeconds is NaN; it must be a number of seconds, not negative.',
      ),
    );
  });

  it('stands beside the validators of every claim that is true or false', async () => {
    const payload = unverified;
    const result = await claim.validators.isFalse().validate(payload, { nowMs: 1_000 });
    expect(result).toStrictEqual({ isValid: true });
  });
});
