import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { AccessTokenPayload } from '../../lib/claims/access-token-payload.js';
import { BooleanClaim } from '../../lib/claims/boolean-claim.js';
import { PrimitiveArrayClaim } from '../../lib/claims/primitive-array-claim.js';
import { PrimitiveClaim } from '../../lib/claims/primitive-claim.js';
import { SessionClaim, type ClaimSubject } from '../../lib/claims/session-claim.js';

const NOW_MS = 1_700_000_000_000;
const subject: ClaimSubject = {
  userId: 'user-1',
  tenantId: 'public',
  accessTokenPayload: { theme: 'dark' },
};
const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'pro' });

describe('a claim in a payload', () => {
  it('is added under its key as value and time of fetch, beside what is there', () => {
    expect(plan.addToPayload({ theme: 'dark' }, 'pro', NOW_MS)).toStrictEqual({
      theme: 'dark',
      plan: { v: 'pro', t: 1_700_000_000_000 },
    });
  });

  it('replaces the value that was there', () => {
    const payload = { plan: { v: 'free', t: 1 } };
    expect(plan.addToPayload(payload, 'pro', NOW_MS)).toStrictEqual({
      plan: { v: 'pro', t: 1_700_000_000_000 },
    });
  });

  it('is deleted by its removal', () => {
    const payload = { plan: { v: 'pro', t: 1 }, theme: 'dark' };
    expect(plan.removeFromPayload(payload)).toStrictEqual({ theme: 'dark' });
  });

  it('is null after its removal by merge, whether or not it was there', () => {
    expect(plan.removeFromPayloadByMerge({ plan: { v: 'pro', t: 1 }, a: 1 })).toStrictEqual({
      plan: null,
      a: 1,
    });
    expect(plan.removeFromPayloadByMerge({})).toStrictEqual({ plan: null });
  });

  it('is read with the time of its fetch', () => {
    const payload = { plan: { v: 'pro', t: 1_234 } };
    expect(plan.getValueFromPayload(payload)).toBe('pro');
    expect(plan.getLastFetchedTimeMs(payload)).toBe(1_234);
  });

  it('never changes the payload it is given', () => {
    const payload = Object.freeze({ plan: Object.freeze({ v: 'free', t: 1 }), theme: 'dark' });
    plan.addToPayload(payload, 'pro', NOW_MS);
    plan.removeFromPayload(payload);
    plan.removeFromPayloadByMerge(payload);
    expect(payload).toStrictEqual({ plan: { v: 'free', t: 1 }, theme: 'dark' });
  });

  it('leaves an own key __proto__ of the payload a mere key', () => {
    const payload: AccessTokenPayload = JSON.parse('{"__proto__":{"role":"admin"}}');
    for (const copy of [
      plan.addToPayload(payload, 'pro', NOW_MS),
      plan.removeFromPayload(payload),
      plan.removeFromPayloadByMerge(payload),
    ]) {
      expect(copy['role']).toBeUndefined();
      expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    }
    expect(({} as AccessTokenPayload)['role']).toBeUndefined();
  });

  it('refuses a value that it could not read again', () => {
    const untyped: SessionClaim<unknown> = plan;
    expect(() => untyped.addToPayload({}, { secret: 1 }, NOW_MS)).toThrow(
      new TypeError(
        'The claim "plan" cannot hold a value of type object: reading it would find no value.',
      ),
    );
  });
});

describe('what stands in a payload and has not the shape of the claim is no value:', () => {
  const inherited = Object.assign({}, JSON.parse('{"__proto__":{"v":"pro","t":1}}')) as unknown;

  it.each<[string, unknown]>([
    ['null', null],
    ['a string', 'pro'],
    ['a number', 7],
    ['true', true],
    ['an array', ['pro', 1]],
    ['an array with v and t', Object.assign([], { v: 'pro', t: 1 })],
    ['an empty object', {}],
    ['no value', { t: 1 }],
    ['no time', { v: 'pro' }],
    ['a value that is an object', { v: { pro: true }, t: 1 }],
    ['a value that is an array', { v: ['pro'], t: 1 }],
    ['a time that is a string', { v: 'pro', t: '1' }],
    ['a time that is null', { v: 'pro', t: null }],
    ['a time that is NaN', { v: 'pro', t: NaN }],
    ['a time past all numbers', JSON.parse('{"v":"pro","t":1e999}')],
    ['own key __proto__', JSON.parse('{"__proto__":{"v":"pro","t":1}}')],
    ['value and time by a polluted prototype', inherited],
    ['a value by a polluted prototype', Object.create({ v: 'pro' }, { t: { value: 1 } })],
    ['a time by a polluted prototype', Object.create({ t: 1 }, { v: { value: 'pro' } })],
  ])('%s', (_, entry) => {
    expect(plan.getValueFromPayload({ plan: entry })).toBeUndefined();
    expect(plan.getLastFetchedTimeMs({ plan: entry })).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['a payload that is null', null],
    ['a payload that is undefined', undefined],
    ['a payload that is a string', 'plan'],
    ['a payload that is an array', Object.assign([], { plan: { v: 'pro', t: 1 } })],
    ['an empty payload', {}],
    ['a payload by a polluted prototype', Object.create({ plan: { v: 'pro', t: 1 } })],
    ['own key __proto__ of the payload', JSON.parse('{"__proto__":{"plan":{"v":"pro","t":1}}}')],
  ])('%s', (_, payload) => {
    for (const getter of ['getValueFromPayload', 'getLastFetchedTimeMs']) {
      expect(Reflect.apply(Reflect.get(plan, getter), plan, [payload])).toBeUndefined();
    }
  });

  it('what every object inherits', () => {
    const claim = new PrimitiveClaim<string>({ key: 'toString', fetchValue: () => 'x' });
    expect(claim.getValueFromPayload({})).toBeUndefined();
  });

  it('while a payload without a prototype is read as any other', () => {
    const payload: AccessTokenPayload = Object.create(null);
    payload['plan'] = { v: 'pro', t: 1 };
    expect(plan.getValueFromPayload(payload)).toBe('pro');
  });
});

describe('building a claim', () => {
  it('gives the payload update with the fetched value, and nothing else of the payload', async () => {
    expect(await plan.build(subject, NOW_MS)).toStrictEqual({
      plan: { v: 'pro', t: 1_700_000_000_000 },
    });
  });

  it('gives an empty update when there is no value', async () => {
    const claim = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => undefined });
    expect(await claim.build(subject, NOW_MS)).toStrictEqual({});
  });

  it.each(['', 0, false, null])('takes %j for a value', async (value) => {
    const claim = new PrimitiveClaim({ key: 'k', fetchValue: () => value });
    expect(await claim.build(subject, NOW_MS)).toStrictEqual({ k: { v: value, t: NOW_MS } });
  });

  it('waits for a value that is fetched asynchronously', async () => {
    const claim = new PrimitiveClaim({ key: 'k', fetchValue: () => Promise.resolve('late') });
    expect(await claim.build(subject, NOW_MS)).toStrictEqual({ k: { v: 'late', t: NOW_MS } });
  });

  it('fetches for the user, the tenant and the payload it is told', async () => {
    const asked: ClaimSubject[] = [];
    const claim = new PrimitiveClaim<string>({
      key: 'k',
      fetchValue: (whom) => {
        asked.push(whom);
        return undefined;
      },
    });
    await claim.build(subject, NOW_MS);
    expect(asked).toStrictEqual([
      { userId: 'user-1', tenantId: 'public', accessTokenPayload: { theme: 'dark' } },
    ]);
  });

  it('fails when the fetch fails', async () => {
    const failure = new Error('database gone');
    const claim = new PrimitiveClaim<string>({
      key: 'k',
      fetchValue: () => Promise.reject(failure),
    });
    await expect(claim.build(subject, NOW_MS)).rejects.toBe(failure);
  });
});

describe('a claim can be written', () => {
  @Injectable()
  class PlanService {
    planOf(userId: string): Promise<string> {
      return Promise.resolve(`plan of ${userId}`);
    }
  }

  @Injectable()
  class PlanClaim extends PrimitiveClaim<string> {
    constructor(private readonly plans: PlanService) {
      super({ key: 'plan', defaultMaxAgeInSeconds: 60 });
    }

    override fetchValue({ userId }: ClaimSubject): Promise<string> {
      return this.plans.planOf(userId);
    }
  }

  @Injectable()
  class TeamsClaim extends PrimitiveArrayClaim<string> {
    constructor(private readonly plans: PlanService) {
      super({ key: 'teams' });
    }

    override async fetchValue({ userId }: ClaimSubject): Promise<string[]> {
      return [await this.plans.planOf(userId)];
    }
  }

  @Injectable()
  class AdultClaim extends BooleanClaim {
    constructor() {
      super({ key: 'adult' });
    }

    override fetchValue(): boolean {
      return true;
    }
  }

  it('as an object with options', async () => {
    const claim = new PrimitiveClaim<string>({
      key: 'plan',
      fetchValue: ({ userId }) => `plan of ${userId}`,
    });
    expect(await claim.build(subject, NOW_MS)).toStrictEqual({
      plan: { v: 'plan of user-1', t: NOW_MS },
    });
  });

  it('as a provider that takes services and overrides fetchValue', async () => {
    const providers = [PlanService, PlanClaim, TeamsClaim, AdultClaim];
    const module = await Test.createTestingModule({ providers }).compile();

    expect(await module.get(PlanClaim).build(subject, NOW_MS)).toStrictEqual({
      plan: { v: 'plan of user-1', t: NOW_MS },
    });
    expect(await module.get(TeamsClaim).build(subject, NOW_MS)).toStrictEqual({
      teams: { v: ['plan of user-1'], t: NOW_MS },
    });
    expect(await module.get(AdultClaim).build(subject, NOW_MS)).toStrictEqual({
      adult: { v: true, t: NOW_MS },
    });
    expect(module.get(PlanClaim).validators.hasValue('pro').claim).toBe(module.get(PlanClaim));
  });

  it('with an override that goes before the option', async () => {
    class Overriding extends PrimitiveClaim<string> {
      override fetchValue(): string {
        return 'by override';
      }
    }
    const claim = new Overriding({ key: 'k', fetchValue: () => 'by option' });
    expect(await claim.build(subject, NOW_MS)).toStrictEqual({
      k: { v: 'by override', t: NOW_MS },
    });
  });

  it('but not without anything to fetch its value', () => {
    expect(() => new PrimitiveClaim<string>({ key: 'plan' })).toThrow(
      new TypeError(
        'The claim "plan" has nothing to fetch its value with: give it the option fetchValue, or override the method fetchValue.',
      ),
    );
  });

  it.each(['', 'sub', 'sessionHandle', '__proto__', 'constructor', 'prototype'])(
    'but not under the key %j',
    (key) => {
      expect(() => new PrimitiveClaim<string>({ key, fetchValue: () => 'x' })).toThrow(
        new TypeError(
          `A claim's key is "${key}"; it must be a string, not empty, not a name that the session itself writes (such as "sub" or "exp"), and not "__proto__", "constructor" or "prototype".`,
        ),
      );
    },
  );

  it('but not with a default maximum age that is no number of seconds', () => {
    const options = { key: 'k', fetchValue: () => 'x', defaultMaxAgeInSeconds: NaN };
    expect(() => new PrimitiveClaim<string>(options)).toThrow(
      new TypeError('defaultMaxAgeInSeconds is NaN; it must be a number of seconds, not negative.'),
    );
  });
});

describe('the types of a claim', () => {
  it('say what its value is', () => {
    const teams = new PrimitiveArrayClaim<string>({ key: 'teams', fetchValue: () => ['red'] });
    const adult = new BooleanClaim({ key: 'adult', fetchValue: () => true });

    expectTypeOf(plan.getValueFromPayload({})).toEqualTypeOf<string | undefined>();
    expectTypeOf(teams.getValueFromPayload({})).toEqualTypeOf<readonly string[] | undefined>();
    expectTypeOf(adult.getValueFromPayload({})).toEqualTypeOf<boolean | undefined>();
    expectTypeOf(plan.validators.hasValue).parameter(0).toEqualTypeOf<string>();
    expectTypeOf(teams.validators.includes).parameter(0).toEqualTypeOf<string>();
  });

  it('let claims of every kind stand in one list', () => {
    const teams = new PrimitiveArrayClaim<string>({ key: 'teams', fetchValue: () => ['red'] });
    const claims: SessionClaim<unknown>[] = [plan, teams];
    expect(claims.map((claim) => claim.key)).toStrictEqual(['plan', 'teams']);
  });
});
