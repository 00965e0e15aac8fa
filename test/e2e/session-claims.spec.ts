import { Body, Controller, Injectable, Post } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  CreateSession,
  CurrentSession,
  PrimitiveArrayClaim,
  PrimitiveClaim,
  SessionService,
  VerifySession,
  type AccessTokenPayload,
  type ClaimSubject,
  type SessionContainer,
} from '../../lib/index.js';
import { SessionContainerFactory } from '../../lib/session/container/session-container.factory.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { frontTokenOf, payloadOf } from '../support/scene.js';

const NOBODY = '01900000-0000-7000-8000-000000000000';

/** A service of the application's, with what the claims are fetched from. */
@Injectable()
class Plans {
  readonly fetched: string[] = [];
  plan: string | undefined = 'free';
  /** Called once, while a plan is fetched. */
  meanwhile: (() => unknown) | undefined;

  async planOnceReady(subject: ClaimSubject): Promise<string | undefined> {
    const { meanwhile } = this;
    this.meanwhile = undefined;
    await meanwhile?.();
    return this.planOf('plan', subject);
  }

  planOf(claim: string, { userId, tenantId }: ClaimSubject): string | undefined {
    this.fetched.push(`${claim} of ${userId} in ${tenantId}`);
    return this.plan;
  }
}

@Injectable()
class PlanClaim extends PrimitiveClaim<string> {
  constructor(private readonly plans: Plans) {
    super({ key: 'plan' });
  }

  override fetchValue(subject: ClaimSubject): Promise<string | undefined> {
    return this.plans.planOnceReady(subject);
  }
}

const LIMITS = Symbol('LIMITS');
const teamClaim = new PrimitiveArrayClaim<string>({
  key: 'teams',
  fetchValue: ({ userId }) => [`${userId}'s team`],
});
const limitsClaim = (plans: Plans) =>
  new PrimitiveClaim<number>({
    key: 'limit',
    fetchValue: (subject) => {
      plans.planOf('limit', subject);
      const plan = subject.accessTokenPayload['plan'] as { v: string } | undefined;
      return plan?.v === 'free' ? 10 : undefined;
    },
  });
const seenClaim = new BooleanClaim({ key: 'seen', fetchValue: () => true });

@Controller()
class ClaimsController {
  constructor(private readonly plan: PlanClaim) {}

  @Post('login')
  @CreateSession<{ userId: string }>({
    userId: ({ userId }) => userId,
    accessTokenPayload: () => ({ own: 1, plan: 'forged' }),
  })
  login(@Body() body: { userId: string }): object {
    return body;
  }

  @Post('container')
  @VerifySession()
  async container(
    @CurrentSession() session: SessionContainer,
    @Body() { act }: { act: 'fetch' | 'set' | 'get' | 'remove' },
  ): Promise<object> {
    if (act === 'fetch') await session.fetchAndSetClaim(this.plan);
    if (act === 'set') await session.setClaimValue(this.plan, 'gold');
    if (act === 'remove') await session.removeClaim(this.plan);
    return { value: session.getClaimValue(this.plan) ?? null };
  }
}

describe.each(platforms)('claims of a session on %s', (platform) => {
  let booted: BootedApp;
  let sessions: SessionService;
  let plans: Plans;
  let plan: PlanClaim;
  let client: HttpClient;
  let nowMs: number;

  beforeAll(async () => {
    booted = await bootApp({
      platform,
      controllers: [ClaimsController],
      providers: [Plans, PlanClaim, { provide: LIMITS, inject: [Plans], useFactory: limitsClaim }],
      sessions: { claims: [teamClaim, PlanClaim, LIMITS] },
    });
    sessions = booted.app.get(SessionService);
    plans = booted.app.get(Plans);
    plan = booted.app.get(PlanClaim);
    nowMs = booted.clock.now();
  });
  afterAll(() => booted.close());

  beforeEach(async () => {
    plans.fetched.length = 0;
    plans.plan = 'free';
    client = booted.client();
    await client.post('/login', { userId: 'u1' });
  });

  const act = async (what: string) => client.post('/container', { act: what });
  const handle = async () =>
    String(payloadOf(String(await client.cookie('sAccessToken')))['sessionHandle']);
  const stored = async () =>
    (await sessions.getSessionInformation(await handle()))?.customClaimsInAccessTokenPayload;

  it('are fetched at creation, by value, by class and by token, in their order', async () => {
    expect(plans.fetched).toEqual(['plan of u1 in public', 'limit of u1 in public']);
    expect(await stored()).toEqual({
      own: 1,
      teams: { v: ["u1's team"], t: nowMs },
      plan: { v: 'free', t: nowMs },
      limit: { v: 10, t: nowMs },
    });
  });

  it('reach the client in its front token', async () => {
    const answer = await client.post('/login', { userId: 'u2' });
    expect(frontTokenOf(answer).up).toMatchObject({
      own: 1,
      teams: { v: ["u2's team"], t: nowMs },
      plan: { v: 'free', t: nowMs },
    });
  });

  it('leave the payload as it is where there is no value', async () => {
    plans.plan = undefined;
    await client.post('/login', { userId: 'u1' });
    expect(await stored()).toMatchObject({ own: 1, plan: 'forged' });
    expect(await stored()).not.toHaveProperty('limit');
  });

  it('are fetched, set, read and removed on the container, with a new token each time', async () => {
    plans.plan = 'silver';
    for (const [what, value] of [
      ['fetch', 'silver'],
      ['set', 'gold'],
      ['remove', null],
    ] as const) {
      const answer = await act(what);
      expect([what, answer.json]).toEqual([what, { value }]);
      expect(frontTokenOf(answer).up).toMatchObject(value === null ? {} : { plan: { v: value } });
      expect((await act('get')).json).toEqual({ value });
    }
    expect(await stored()).not.toHaveProperty('plan');
  });

  it('are fetched, set, read and removed by handle, and show at the next refresh', async () => {
    const of = await handle();
    plans.plan = 'silver';
    expect(await sessions.fetchAndSetClaim(of, plan)).toBe(true);
    expect(await sessions.getClaimValue(of, plan)).toEqual({ status: 'OK', value: 'silver' });
    expect(await sessions.setClaimValue(of, plan, 'gold')).toBe(true);
    expect((await act('get')).json).toEqual({ value: 'free' });
    await client.post('/auth/session/refresh');
    expect((await act('get')).json).toEqual({ value: 'gold' });
    expect(await sessions.removeClaim(of, plan)).toBe(true);
    expect(await sessions.getClaimValue(of, plan)).toEqual({ status: 'OK', value: undefined });
  });

  it('of a session that is not there are told so, and nothing is fetched', async () => {
    plans.fetched.length = 0;
    const gone = { status: 'SESSION_DOES_NOT_EXIST_ERROR' };
    expect(await sessions.fetchAndSetClaim(NOBODY, plan)).toBe(false);
    expect(await sessions.setClaimValue(NOBODY, plan, 'gold')).toBe(false);
    expect(await sessions.removeClaim(NOBODY, plan)).toBe(false);
    expect(await sessions.getClaimValue(NOBODY, plan)).toEqual(gone);
    expect(await sessions.validateClaimsForSessionHandle(NOBODY)).toEqual(gone);
    expect(plans.fetched).toEqual([]);
  });

  it('are validated by handle, those fetched that are missing, and stored', async () => {
    const outcome = await sessions.validateClaimsForSessionHandle(await handle(), () => [
      plan.validators.hasValue('gold'),
      seenClaim.validators.isTrue(),
    ]);
    expect(outcome).toEqual({
      status: 'OK',
      invalidClaims: [
        {
          id: 'plan',
          reason: { message: 'wrong value', expectedValue: 'gold', actualValue: 'free' },
        },
      ],
    });
    expect(await stored()).toMatchObject({ seen: { v: true, t: nowMs } });
  });

  it('are fetched again where they are more than a minute ahead, after a clock has gone back', async () => {
    const validate = async (maxAgeInSeconds?: number) =>
      sessions.validateClaimsForSessionHandle(await handle(), () => [
        plan.validators.hasValue('free', maxAgeInSeconds),
      ]);
    plans.fetched.length = 0;
    booted.clock.advanceMs(-60_000);
    await validate(600);
    booted.clock.advanceMs(-1);
    await validate();
    expect(plans.fetched).toEqual([]);
    expect(await validate(600)).toEqual({ status: 'OK', invalidClaims: [] });
    expect(plans.fetched).toEqual(['plan of u1 in public']);
    booted.clock.advanceMs(60_001);
  });

  describe('that were fetched while a clock was twenty minutes ahead', () => {
    beforeEach(async () => {
      booted.clock.advanceMs(1_200_000);
      await client.post('/login', { userId: 'u1' });
      booted.clock.advanceMs(-1_200_000);
      await client.post('/auth/session/refresh');
      plans.fetched.length = 0;
    });

    it('are fetched again once they are marked stale, once', async () => {
      expect((await act('get')).json).toEqual({ value: 'free' });
      plans.plan = 'gold';
      await sessions.markClaimsStale('u1');
      booted.clock.advance('1s');
      expect((await act('get')).json).toEqual({ value: 'gold' });
      expect((await act('get')).json).toEqual({ value: 'gold' });
      expect(plans.fetched).toEqual(['plan of u1 in public', 'limit of u1 in public']);
    });

    it('are fetched again also where the row has had such a time since', async () => {
      await sessions.markClaimsStale('u1');
      booted.clock.advanceMs(1_200_000);
      await sessions.setClaimValue(await handle(), plan, 'free');
      booted.clock.advanceMs(-1_199_000);
      plans.plan = 'gold';
      expect((await act('get')).json).toEqual({ value: 'gold' });
      expect(await stored()).toMatchObject({ plan: { v: 'gold' } });
    });

    it('are asked for once where there is nothing to fetch', async () => {
      plans.plan = undefined;
      await sessions.markClaimsStale('u1');
      booted.clock.advance('1s');
      expect((await act('get')).json).toEqual({ value: 'free' });
      expect((await act('get')).json).toEqual({ value: 'free' });
      expect(plans.fetched).toEqual(['plan of u1 in public', 'limit of u1 in public']);
    });
  });

  it('are not those of a row that was read before they changed', async () => {
    const row = await booted.app.get(SessionStore).find(await handle());
    const token = String(await client.cookie('sAccessToken'));
    const session = await sessions.getSessionWithoutRequestResponse(token);
    await session.setClaimValue(plan, 'gold');
    if (row !== undefined) await booted.app.get(SessionContainerFactory).takeRow(session, row);
    expect(session.getClaimValue(plan)).toBe('gold');
  });

  describe.each([
    ['a validator on the container', 'assert'],
    ['fetchAndSetClaim on the container', 'fetch'],
    ['fetchAndSetClaim by handle', 'fetch by handle'],
    ['a validator by handle', 'validate by handle'],
    ['the first request after markClaimsStale', 'renew'],
  ] as const)('that are fetched for %s', (_, how) => {
    /** Has the claim fetched a minute after the login. It changes while that is under way. */
    async function fetchWhile(change: (of: string) => unknown): Promise<void> {
      const of = await handle();
      const token = String(await client.cookie('sAccessToken'));
      const session = await sessions.getSessionWithoutRequestResponse(token);
      booted.clock.advance('1m');
      const meanwhile = async () => {
        booted.clock.advance('1s');
        await change(of);
      };
      const late = new PrimitiveClaim<string>({
        key: 'plan',
        fetchValue: async () => {
          await meanwhile();
          return 'late';
        },
      });
      const aged = [late.validators.hasValue('late', 30)];
      const fetching = {
        assert: () => session?.assertClaims(aged),
        fetch: () => session?.fetchAndSetClaim(late),
        'fetch by handle': () => sessions.fetchAndSetClaim(of, late),
        'validate by handle': () => sessions.validateClaimsForSessionHandle(of, () => aged),
        renew: async () => {
          await sessions.markClaimsStale('u1');
          Object.assign(plans, { plan: 'late', meanwhile });
          await client.post('/container', { act: 'get' });
        },
      };
      await fetching[how]();
    }

    it('take the place of an older value', async () => {
      await fetchWhile(() => undefined);
      expect(await stored()).toMatchObject({ plan: { v: 'late' } });
    });

    it('leave a value that was set meanwhile', async () => {
      await fetchWhile((of) => sessions.setClaimValue(of, plan, 'gold'));
      expect(await stored()).toMatchObject({ plan: { v: 'gold' } });
    });

    it('bring back none that was removed meanwhile', async () => {
      await fetchWhile((of) => sessions.removeClaim(of, plan));
      expect(await stored()).not.toHaveProperty('plan');
      await act('get');
      expect(await stored()).not.toHaveProperty('plan');
    });

    // A request that renews them all fetches them again then.
    it.each(how === 'renew' ? [] : [{ v: 'free', t: 0 }])(
      'leave the mark of one that was marked stale meanwhile',
      async (marked) => {
        await fetchWhile(() => sessions.markClaimsStale('u1'));
        expect(await stored()).toMatchObject({ plan: marked });
      },
    );
  });
});

describe('what fetches a claim', () => {
  const RESERVED = ['sub', 'tId', 'sessionHandle', 'iat', 'exp', 'auth_time', 'iss', 'aud'];

  it('sees the reserved claims of a token: at a login, by handle and in a request', async () => {
    const seen: Readonly<AccessTokenPayload>[] = [];
    class Seen extends PrimitiveClaim<number> {
      // As in a claim of one's own that begins with all that it is given.
      override async build(subject: ClaimSubject, nowMs: number): Promise<AccessTokenPayload> {
        return { ...subject.accessTokenPayload, ...(await super.build(subject, nowMs)) };
      }
    }
    const claim = new Seen({
      key: 'seen',
      fetchValue: ({ accessTokenPayload }) => seen.push(accessTokenPayload),
    });
    const booted = await bootApp({
      sessions: { issuer: 'https://app.example.com', audience: 'shop', claims: [claim] },
    });
    const sessions = booted.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    const handle = session.getHandle();
    const token = session.getAccessTokenPayload();
    expect(await sessions.fetchAndSetClaim(handle, claim)).toBe(true);
    await sessions.removeClaim(handle, claim);
    await sessions.validateClaimsForSessionHandle(handle, () => [claim.validators.hasValue(3)]);
    await session.removeClaim(claim);
    await session.assertClaims([claim.validators.hasValue(4)]);
    expect(seen).toHaveLength(4);
    for (const payload of seen) {
      for (const name of RESERVED) expect([name, payload[name]]).toEqual([name, token[name]]);
    }
    const information = await sessions.getSessionInformation(handle);
    expect(Object.keys(information?.customClaimsInAccessTokenPayload ?? {})).toEqual(['seen']);
    await booted.close();
  });
});
