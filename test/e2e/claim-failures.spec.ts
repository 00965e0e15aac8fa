import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  PrimitiveArrayClaim,
  PrimitiveClaim,
  SessionService,
  VerifySession,
  type SessionClaimValidator,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { Answer, HttpClient } from '../support/http-client.js';
import { expectTokensUntouched } from '../support/refusal.js';
import { frontTokenOf, payloadOf } from '../support/scene.js';
import { loginAs } from '../support/login.controller.js';

const source: { plan: string | undefined; teams: string[]; fetched: string[] } = {
  plan: 'free',
  teams: ['red'],
  fetched: [],
};
const plan = new PrimitiveClaim<string>({
  key: 'plan',
  fetchValue: () => {
    source.fetched.push('plan');
    return source.plan;
  },
});
const teams = new PrimitiveArrayClaim<string>({
  key: 'teams',
  fetchValue: () => {
    source.fetched.push('teams');
    return source.teams;
  },
  defaultMaxAgeInSeconds: 60,
});
const unknown = new BooleanClaim({ key: 'unknown', fetchValue: () => undefined });

const onWeekdays: SessionClaimValidator = {
  id: 'weekday',
  validate: (_, { nowMs }) =>
    [0, 6].includes(new Date(nowMs).getUTCDay())
      ? { isValid: false, reason: { message: 'closed' } }
      : { isValid: true },
};

@Controller()
class FailuresController extends loginAs('u1') {
  @Get('global')
  @VerifySession()
  global(): object {
    return {};
  }

  @Get('many')
  @VerifySession({
    overrideGlobalClaimValidators: (globals) => [
      teams.validators.includesAll(['red', 'blue']),
      ...globals,
      unknown.validators.isTrue(undefined, 'must be known'),
      { id: 'silent', validate: () => ({ isValid: false }) },
    ],
  })
  many(): object {
    return {};
  }

  @Get('none')
  @VerifySession({ overrideGlobalClaimValidators: () => [] })
  none(): object {
    return {};
  }

  @Get('aged')
  @VerifySession({
    overrideGlobalClaimValidators: async (_, session) =>
      session.getUserId() === 'u1' ? [plan.validators.hasValue('gold', 30)] : [],
  })
  aged(): object {
    return {};
  }

  @Get('broken')
  @VerifySession({
    overrideGlobalClaimValidators: () => [
      {
        id: 'broken',
        validate: () => {
          throw new Error('a slip of the pen');
        },
      },
    ],
  })
  broken(): object {
    return {};
  }
}

describe.each(platforms)('a session whose claims do not hold, on %s', (platform) => {
  let booted: BootedApp;
  let client: HttpClient;

  beforeAll(async () => {
    booted = await bootApp({
      platform,
      controllers: [FailuresController],
      sessions: { claims: [plan], globalClaimValidators: [plan.validators.hasValue('gold')] },
    });
  });
  afterAll(() => booted.close());

  beforeEach(async () => {
    source.plan = 'free';
    source.teams = ['red'];
    client = booted.client();
    await client.post('/login');
    source.fetched.length = 0;
  });

  const expectInvalid = (answer: Answer, claimValidationErrors: object[]) => {
    expect(answer.status).toBe(403);
    expect(answer.json).toEqual({
      statusCode: 403,
      code: 'INVALID_CLAIMS',
      message: 'invalid claim',
      claimValidationErrors,
    });
    expectTokensUntouched(answer);
    expect(answer.headers['cache-control']).toBe('no-store');
  };
  const wrongPlan = {
    id: 'plan',
    reason: { message: 'wrong value', expectedValue: 'gold', actualValue: 'free' },
  };
  const stored = async () => {
    const token = payloadOf(String(await client.cookie('sAccessToken')));
    const information = await booted.app
      .get(SessionService)
      .getSessionInformation(String(token['sessionHandle']));
    return information?.customClaimsInAccessTokenPayload;
  };

  it('is told which validator failed and why', async () => {
    expectInvalid(await client.get('/global'), [wrongPlan]);
    expect(source.fetched).toEqual([]);
  });

  it('is told of every failure, in the order of the validators', async () => {
    expectInvalid(await client.get('/many'), [
      {
        id: 'teams',
        reason: {
          message: 'wrong value',
          expectedToInclude: ['red', 'blue'],
          actualValue: ['red'],
        },
      },
      wrongPlan,
      { id: 'must be known', reason: { message: 'value does not exist', expectedValue: true } },
      { id: 'silent' },
    ]);
  });

  it('keeps what was fetched for it, though the answer brings no token', async () => {
    const nowMs = booted.clock.now();
    await client.get('/many');
    expect(source.fetched).toEqual(['teams']);
    expect(await stored()).toMatchObject({ teams: { v: ['red'], t: nowMs } });
    await client.post('/auth/session/refresh');
    source.fetched.length = 0;
    await client.get('/many');
    expect(source.fetched).toEqual([]);
  });

  it('passes where the route asks for nothing', async () => {
    expect((await client.get('/none')).status).toBe(200);
  });

  it('is fetched again once the value is too old, and passes with a new token', async () => {
    expectInvalid(await client.get('/aged'), [wrongPlan]);
    source.plan = 'gold';
    booted.clock.advanceMs(30_000);
    expectInvalid(await client.get('/aged'), [wrongPlan]);
    expect(source.fetched).toEqual([]);
    booted.clock.advanceMs(1);
    const answer = await client.get('/aged');
    expect(answer.status).toBe(200);
    expect(source.fetched).toEqual(['plan']);
    expect(frontTokenOf(answer).up).toMatchObject({
      plan: { v: 'gold', t: booted.clock.now() },
    });
    expect((await client.get('/global')).status).toBe(200);
    expect(source.fetched).toEqual(['plan']);
  });

  it('is told that the value has expired where there is no newer one', async () => {
    source.plan = undefined;
    booted.clock.advanceMs(31_500);
    expectInvalid(await client.get('/aged'), [
      { id: 'plan', reason: { message: 'expired', ageInSeconds: 31.5, maxAgeInSeconds: 30 } },
    ]);
  });

  it('is not let through by a validator that throws', async () => {
    const answer = await client.get('/broken');
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('slip');
    expectTokensUntouched(answer);
  });
});

describe("an application's own validator", () => {
  it('judges by the time it is given, and its status is the configured one', async () => {
    const booted = await bootApp({
      controllers: [FailuresController],
      sessions: { globalClaimValidators: [onWeekdays], invalidClaimStatusCode: 423 },
    });
    const client = booted.client();
    await client.post('/login');
    const statuses: number[] = [];
    for (let day = 0; day < 7; day += 1) {
      const answer = await client.get('/global');
      const isClosed = [0, 6].includes(new Date(booted.clock.now()).getUTCDay());
      statuses.push(answer.status);
      expect(answer.status).toBe(isClosed ? 423 : 200);
      booted.clock.advanceMs(24 * 3_600_000);
      await client.post('/auth/session/refresh');
    }
    expect(statuses.filter((status) => status === 423)).toHaveLength(2);
    await booted.close();
  });
});
