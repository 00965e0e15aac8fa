import { describe, expect, it } from 'vitest';
import type { AccessTokenPayload } from '../../lib/claims/access-token-payload.js';
import { PrimitiveClaim } from '../../lib/claims/primitive-claim.js';
import type { SessionClaimValidator } from '../../lib/claims/session-claim-validator.js';
import type { ClaimSubject } from '../../lib/claims/session-claim.js';
import { validateClaims } from '../../lib/claims/validate-claims.js';

const passes: SessionClaimValidator = { id: 'passes', validate: () => ({ isValid: true }) };

describe('validating claims', () => {
  it('finds nothing where nothing is asked', async () => {
    expect(await validate([], { plan: 'x' })).toStrictEqual({ invalidClaims: [] });
  });

  it('reports every failure, in the order of the validators', async () => {
    const outcome = await validate([
      fails('first', { message: 'no' }),
      passes,
      fails('second', 'text'),
      fails('third', null),
    ]);
    expect(outcome).toStrictEqual({
      invalidClaims: [
        { id: 'first', reason: { message: 'no' } },
        { id: 'second', reason: 'text' },
        { id: 'third', reason: null },
      ],
    });
  });

  it('leaves out the reason of a validator that gives none', async () => {
    const silent: SessionClaimValidator = { id: 'silent', validate: () => ({ isValid: false }) };
    const outcome = await validate([silent, fails('undefined', undefined)]);
    expect(outcome).toStrictEqual({ invalidClaims: [{ id: 'silent' }, { id: 'undefined' }] });
  });

  it('waits for validators that answer asynchronously', async () => {
    const late: SessionClaimValidator = {
      id: 'late',
      validate: () => Promise.resolve({ isValid: false }),
    };
    expect(await validate([late])).toStrictEqual({ invalidClaims: [{ id: 'late' }] });
  });

  it('tells validators the time and the payload', async () => {
    const told: unknown[] = [];
    const listening: SessionClaimValidator = {
      id: 'listening',
      validate: (...told_) => {
        told.push(told_);
        return { isValid: true };
      },
    };
    await validate([listening], { plan: 'x' }, 5_000);
    expect(told).toStrictEqual([[{ plan: 'x' }, { nowMs: 5_000 }]]);
  });

  it.each<[string, unknown]>([
    ['a truthy number', 1],
    ['a string', 'true'],
    ['a promise that nobody awaited', Promise.resolve(true)],
    ['undefined', undefined],
  ])('takes nothing but true for valid: not %s', async (_, isValid) => {
    const untyped = Object.assign({ ...passes }, { validate: () => ({ isValid }) });
    expect(await validate([untyped])).toStrictEqual({ invalidClaims: [{ id: 'passes' }] });
  });
});

describe('an error thrown while claims are validated', () => {
  const failure = new Error('database gone');
  const thrower = (): never => {
    throw failure;
  };
  const rejecter = (): Promise<never> => Promise.reject(failure);

  it.each<[string, SessionClaimValidator]>([
    ['a validator', { id: 'x', validate: thrower }],
    ['an asynchronous validator', { id: 'x', validate: rejecter }],
    [
      'a refetch rule',
      { ...claimThatFetches(thrower).validators.hasValue('pro'), shouldRefetch: thrower },
    ],
    ['a fetch', claimThatFetches(thrower).validators.hasValue('pro')],
    ['an asynchronous fetch', claimThatFetches(rejecter).validators.hasValue('pro')],
  ])('by %s is thrown to the caller', async (_, validator) => {
    await expect(validate([passes, validator])).rejects.toBe(failure);
  });

  it('is thrown where a validator answers nothing', async () => {
    const silent = Object.assign({ ...passes }, { validate: () => undefined });
    await expect(validate([silent])).rejects.toThrow(TypeError);
  });

  it('is thrown where a fetch finds what the claim cannot hold', async () => {
    const { hasValue } = claimThatFetches(() => JSON.parse('{"tier":1}')).validators;
    await expect(validate([hasValue('pro')])).rejects.toThrow(TypeError);
  });
});

describe('refetching claims', () => {
  it('puts a missing value into the payload, judges by it and gives the update', async () => {
    const plan = counting('plan', 'pro');
    expect(await validate([plan.claim.validators.hasValue('pro')], { a: 1 }, 5_000)).toStrictEqual({
      invalidClaims: [],
      accessTokenPayloadUpdate: { plan: { v: 'pro', t: 5_000 } },
    });
  });

  it('replaces a value that is too old', async () => {
    const plan = counting('plan', 'pro');
    const payload = { plan: { v: 'free', t: 1_000 } };
    const validators = [plan.claim.validators.hasValue('pro', 60)];
    expect(await validate(validators, payload, 61_001)).toStrictEqual({
      invalidClaims: [],
      accessTokenPayloadUpdate: { plan: { v: 'pro', t: 61_001 } },
    });
  });

  it('leaves a value alone that is as old as it may be, even a wrong one', async () => {
    const plan = counting('plan', 'pro');
    const payload = { plan: { v: 'free', t: 1_000 } };
    expect(
      await validate([plan.claim.validators.hasValue('pro', 60)], payload, 61_000),
    ).toStrictEqual({
      invalidClaims: [
        {
          id: 'plan',
          reason: { message: 'wrong value', expectedValue: 'pro', actualValue: 'free' },
        },
      ],
    });
    expect(plan.subjects).toStrictEqual([]);
  });

  it('gives the update even where validation fails', async () => {
    const plan = counting('plan', 'free');
    expect(await validate([plan.claim.validators.hasValue('pro')], {}, 5_000)).toStrictEqual({
      invalidClaims: [
        {
          id: 'plan',
          reason: { message: 'wrong value', expectedValue: 'pro', actualValue: 'free' },
        },
      ],
      accessTokenPayloadUpdate: { plan: { v: 'free', t: 5_000 } },
    });
  });

  it('gives no update when nothing is found, and keeps the old value expired', async () => {
    const plan = counting('plan', undefined);
    const payload = { plan: { v: 'pro', t: 1_000 } };
    expect(
      await validate([plan.claim.validators.hasValue('pro', 60)], payload, 62_000),
    ).toStrictEqual({
      invalidClaims: [
        { id: 'plan', reason: { message: 'expired', ageInSeconds: 61, maxAgeInSeconds: 60 } },
      ],
    });
  });

  it('fetches a claim of two validators once', async () => {
    const plan = counting('plan', 'pro');
    const { hasValue } = plan.claim.validators;
    await validate([hasValue('pro', 0), hasValue('pro', 60)], {}, 5_000);
    expect(plan.subjects).toHaveLength(1);
  });

  it('fetches in order, for the user, each seeing the values found before it', async () => {
    const first = counting('first', 'one');
    const second = counting('second', 'two');
    const validators = [
      first.claim.validators.hasValue('one'),
      second.claim.validators.hasValue('two'),
    ];
    const outcome = await validate(validators, { a: 1 }, 5_000);

    expect(first.subjects).toStrictEqual([
      { userId: 'user-1', tenantId: 'tenant-1', accessTokenPayload: { a: 1 } },
    ]);
    expect(second.subjects).toStrictEqual([
      {
        userId: 'user-1',
        tenantId: 'tenant-1',
        accessTokenPayload: { a: 1, first: { v: 'one', t: 5_000 } },
      },
    ]);
    expect(outcome).toStrictEqual({
      invalidClaims: [],
      accessTokenPayloadUpdate: { first: { v: 'one', t: 5_000 }, second: { v: 'two', t: 5_000 } },
    });
  });

  it('is done for all claims before the first validator judges', async () => {
    const plan = counting('plan', 'pro');
    const early: SessionClaimValidator = {
      id: 'early',
      validate: (payload) => ({ isValid: false, reason: payload }),
    };
    const { invalidClaims } = await validate(
      [early, plan.claim.validators.hasValue('pro')],
      {},
      5_000,
    );
    expect(invalidClaims).toStrictEqual([
      { id: 'early', reason: { plan: { v: 'pro', t: 5_000 } } },
    ]);
  });

  it('takes the place of what has not the shape of the claim', async () => {
    const plan = counting('plan', 'pro');
    const outcome = await validate([plan.claim.validators.hasValue('pro')], { plan: 'pro' }, 5_000);
    expect(outcome).toStrictEqual({
      invalidClaims: [],
      accessTokenPayloadUpdate: { plan: { v: 'pro', t: 5_000 } },
    });
  });

  it('needs a claim', async () => {
    const noClaim: SessionClaimValidator = { ...passes, shouldRefetch: () => true };
    expect(await validate([noClaim], {})).toStrictEqual({ invalidClaims: [] });
  });

  it('needs a rule that says when', async () => {
    const plan = counting('plan', 'pro');
    await validate([{ ...passes, claim: plan.claim }], {});
    expect(plan.subjects).toStrictEqual([]);
  });

  it('obeys a rule that answers asynchronously', async () => {
    const plan = counting('plan', 'pro');
    const { claim } = plan;
    await validate([{ ...passes, claim, shouldRefetch: () => Promise.resolve(false) }], {});
    expect(plan.subjects).toStrictEqual([]);
    await validate([{ ...passes, claim, shouldRefetch: () => Promise.resolve(true) }], {});
    expect(plan.subjects).toHaveLength(1);
  });

  it('gives no update when the JSON of the payload stays the same', async () => {
    const plan = counting('plan', 'pro');
    const validator = { ...passes, claim: plan.claim, shouldRefetch: () => true };
    const payload = { plan: { v: 'pro', t: 5_000 } };
    expect(await validate([validator], payload, 5_000)).toStrictEqual({ invalidClaims: [] });
    expect(plan.subjects).toHaveLength(1);
  });

  it('never writes back what else the token says: no reserved name, no claim of before', async () => {
    const plan = counting('plan', 'pro');
    const payload = { sub: 'user-1', iat: 1, 'st-role': { v: ['admin'], t: 1 } };
    const outcome = await validate([plan.claim.validators.hasValue('pro')], payload, 5_000);
    expect(outcome.accessTokenPayloadUpdate).toStrictEqual({ plan: { v: 'pro', t: 5_000 } });
  });

  it('does not change the payload it is given', async () => {
    const plan = counting('plan', 'pro');
    const payload = Object.freeze({ a: 1 });
    await validate([plan.claim.validators.hasValue('pro')], payload);
    expect(payload).toStrictEqual({ a: 1 });
  });
});

function validate(
  validators: SessionClaimValidator[],
  accessTokenPayload: AccessTokenPayload = {},
  nowMs = 1_000,
): ReturnType<typeof validateClaims> {
  const subject = { userId: 'user-1', tenantId: 'tenant-1', accessTokenPayload };
  return validateClaims({ validators, subject, nowMs });
}

function claimThatFetches(fetchValue: () => string | Promise<string>): PrimitiveClaim<string> {
  return new PrimitiveClaim<string>({ key: 'plan', fetchValue });
}

function fails(id: string, reason: unknown): SessionClaimValidator {
  return { id, validate: () => ({ isValid: false, reason }) };
}

function counting(
  key: string,
  value: string | undefined,
): { claim: PrimitiveClaim<string>; subjects: ClaimSubject[] } {
  const subjects: ClaimSubject[] = [];
  const fetchValue = (subject: ClaimSubject): string | undefined => {
    subjects.push(subject);
    return value;
  };
  return { claim: new PrimitiveClaim<string>({ key, fetchValue }), subjects };
}
