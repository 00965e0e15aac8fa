import { Controller, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  PrimitiveClaim,
  Session,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import {
  CLEARED_COOKIES,
  expectAnswer,
  expectTokensCleared,
  expectTokensUntouched,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  ACCESS_COOKIE,
  bearer,
  frontTokenOf,
  holderOf,
  payloadOf,
  refreshCookie,
  REFRESH_COOKIE,
  Scene,
  setCookie,
} from '../support/scene.js';

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'gold' });
const never = { id: 'never', validate: () => ({ isValid: false as const, reason: 'never' }) };

@Controller()
class ContainerController {
  /** What the next request does with its session. */
  act: (session: SessionContainer) => unknown = () => undefined;

  @Post('use')
  @VerifySession()
  async use(@CurrentSession() session: SessionContainer): Promise<object> {
    return { result: (await this.act(session)) ?? null };
  }

  @Post('strict-use')
  @VerifySession({ checkDatabase: true })
  strictUse(@CurrentSession() session: SessionContainer): Promise<object> {
    return this.use(session);
  }
}

describe.each(platforms)('a session in a handler on %s', (platform) => {
  let scene: Scene;
  let sessions: SessionService;
  beforeAll(async () => {
    scene = await Scene.open({ platform, controllers: [ContainerController] });
    sessions = scene.booted.app.get(SessionService);
  });
  afterAll(() => scene.close());

  function use(access: string, act: ContainerController['act'], headers = accessCookie(access)) {
    scene.booted.app.get(ContainerController).act = act;
    return scene.post('/use', headers);
  }

  it('says what its token says', async () => {
    const { access, handle } = await scene.login('u1');
    const answer = await use(access, (session) => [
      session.getUserId(),
      session.getTenantId(),
      session.getHandle(),
      session.getAccessToken(),
      session.getAccessTokenPayload(),
      session.getAllSessionTokensDangerously().accessAndFrontTokenUpdated,
    ]);
    expect(answer.json).toEqual({
      result: ['u1', 'public', handle, access, payloadOf(access), false],
    });
    expectTokensUntouched(answer);
  });

  it('says what its row says', async () => {
    const { access } = await scene.login('u2');
    const now = scene.booted.clock.now();
    const answer = await use(access, async (session) => {
      await session.updateSessionDataInDatabase({ cart: [1] });
      return [
        await session.getSessionDataFromDatabase(),
        await session.getTimeCreated(),
        await session.getExpiry(),
      ];
    });
    expect(answer.json).toEqual({ result: [{ cart: [1] }, now, now + 100 * 24 * 3_600_000] });
    expectTokensUntouched(answer);
  });

  it.each([
    ['cookie', {}],
    ['header', { 'st-auth-mode': 'header' }],
  ])(
    'merges claims into a new token that comes by %s, with the end of the old one',
    async (mode, headers) => {
      const { access } = await scene.login('u3', { ...headers });
      await scene.advance(1_000);
      const answer = await use(
        access,
        async (session) => {
          await session.mergeIntoAccessTokenPayload({ plan: 'silver' });
          return session.getAccessTokenPayload()['plan'];
        },
        mode === 'cookie' ? accessCookie(access) : bearer(access),
      );
      expect(answer.json).toEqual({ result: 'silver' });
      const cookies = [setCookie(answer, ACCESS_COOKIE), setCookie(answer, REFRESH_COOKIE)];
      const inHeaders = [answer.headers['st-access-token'], answer.headers['st-refresh-token']];
      const [token, refresh] = mode === 'cookie' ? cookies : inHeaders;
      expect(mode === 'cookie' ? inHeaders : cookies).toEqual([undefined, undefined]);
      expect(refresh).toBeUndefined();
      const before = payloadOf(access);
      const after = payloadOf(String(token));
      expect(after).toEqual({ ...before, plan: 'silver', iat: Number(before['iat']) + 1 });
      const { aud: _1, auth_time: _2, ...shown } = after;
      expect(frontTokenOf(answer)).toEqual({
        uid: 'u3',
        ate: Number(after['exp']) * 1000,
        up: shown,
      });
    },
  );

  it.each(['use', 'strict-use'])(
    'T6: is not kept by whoever has its access token alone and merges claims again and again (%s)',
    async (path) => {
      const thief = await Scene.open({
        platform,
        controllers: [ContainerController],
        sessions: { accessTokenLifetime: '5s' },
      });
      try {
        const { access, handle } = await thief.login('u9');
        const endsAt = payloadOf(access)['exp'];
        let token = access;
        let count = 0;
        // A request that comes in time, and whose merge takes a second.
        thief.booted.app.get(ContainerController).act = async (session) => {
          thief.booted.clock.advanceMs(1_000);
          await session.mergeIntoAccessTokenPayload({ count: (count += 1) });
        };
        for (let second = 0; second < 5; second += 1) {
          const answer = await thief.post(`/${path}`, accessCookie(token));
          expect(answer.status).toBe(201);
          token = String(setCookie(answer, ACCESS_COOKIE));
          expect(payloadOf(token)['exp']).toBe(endsAt);
          // What somebody else changes comes by a new token too.
          const { app } = thief.booted;
          await app.get(SessionService).mergeIntoAccessTokenPayload(handle, { other: second });
        }
        const late = await thief.post(`/${path}`, accessCookie(token));
        expect(late.status).toBe(401);
        expect(late.json).toMatchObject({ code: 'TRY_REFRESH_TOKEN' });
      } finally {
        await thief.close();
      }
    },
  );

  it('is over at once where a handler merges after its access token has ended, and is refreshed as ever', async () => {
    const slow = await Scene.open({ platform, controllers: [ContainerController] });
    try {
      const { access, refresh } = await slow.login('u9');
      slow.booted.app.get(ContainerController).act = async (session) => {
        slow.booted.clock.advanceMs(3_600_000);
        await session.mergeIntoAccessTokenPayload({ plan: 'late' });
      };
      const answer = await slow.post('/use', accessCookie(access));
      expect(answer.status).toBe(201);
      const token = String(setCookie(answer, ACCESS_COOKIE));
      expect(payloadOf(token)['exp']).toBe(payloadOf(access)['exp']);
      const late = await slow.post('/use', accessCookie(token));
      expect(late.json).toMatchObject({ code: 'TRY_REFRESH_TOKEN' });
      const renewed = holderOf(await slow.refresh(refreshCookie(refresh)));
      expect(payloadOf(renewed.access)['plan']).toBe('late');
    } finally {
      await slow.close();
    }
  });

  it('sets, fetches, reads and removes claims, and its client gets one token for all of it', async () => {
    const { access, handle } = await scene.login('u4');
    const answer = await use(access, async (session) => {
      const read = () => session.getClaimValue(plan) ?? 'none';
      const seen = [read()];
      await session.setClaimValue(plan, 'silver');
      seen.push(read());
      await session.fetchAndSetClaim(plan);
      seen.push(read());
      await session.removeClaim(plan);
      seen.push(read());
      return seen;
    });
    expect(answer.json).toEqual({ result: ['none', 'silver', 'gold', 'none'] });
    expect(answer.setCookies).toHaveLength(1);
    const row = await sessions.getSessionInformation(handle);
    expect(row?.customClaimsInAccessTokenPayload).toEqual({});
  });

  it('asserts claims: 403 with every failure', async () => {
    const { access } = await scene.login('u5');
    const validators = [never, plan.validators.hasValue('gold'), { ...never, id: 'too' }];
    const answer = await use(access, (session) => session.assertClaims(validators));
    expect([answer.status, answer.json]).toEqual([
      403,
      {
        statusCode: 403,
        code: 'INVALID_CLAIMS',
        message: 'invalid claim',
        claimValidationErrors: [
          { id: 'never', reason: 'never' },
          { id: 'too', reason: 'never' },
        ],
      },
    ]);
  });

  it('revokes itself and takes its tokens from the client', async () => {
    const { access, handle } = await scene.login('u6');
    const answer = await use(access, (session) => session.revokeSession());
    expect(answer.status).toBe(201);
    expect(answer.setCookies).toEqual(CLEARED_COOKIES);
    expect(answer.headers['front-token']).toBe('remove');
    expect(await scene.sessionRow(handle)).toBeNull();
  });

  it('takes back by revokeSession what a merge has set in the same request', async () => {
    const { access } = await scene.login('u7');
    const answer = await use(access, async (session) => {
      await session.mergeIntoAccessTokenPayload({ plan: 'gold' });
      await session.revokeSession();
    });
    expect(answer.setCookies).toEqual(CLEARED_COOKIES);
    expect(answer.headers['front-token']).toBe('remove');
  });

  describe('that is gone from the database', () => {
    const reads: [string, ContainerController['act']][] = [
      ['getSessionDataFromDatabase', (session) => session.getSessionDataFromDatabase()],
      ['getTimeCreated', (session) => session.getTimeCreated()],
      ['getExpiry', (session) => session.getExpiry()],
      ['updateSessionDataInDatabase', (session) => session.updateSessionDataInDatabase({})],
      ['mergeIntoAccessTokenPayload', (session) => session.mergeIntoAccessTokenPayload({})],
      ['fetchAndSetClaim', (session) => session.fetchAndSetClaim(plan)],
      ['setClaimValue', (session) => session.setClaimValue(plan, 'x')],
      ['removeClaim', (session) => session.removeClaim(plan)],
      [
        'assertClaims that has to fetch',
        (session) => session.assertClaims([plan.validators.hasValue('gold')]),
      ],
    ];

    it.each(reads)('answers %s by "unauthorised", and its tokens go', async (_, act) => {
      const { access, handle } = await scene.login('u8');
      await scene.booted.dataSource.getRepository(Session).delete({ handle });
      const answer = await use(access, act);
      expectAnswer(answer, UNAUTHORISED);
      expectTokensCleared(answer);
    });

    it('still says what its token says', async () => {
      const { access, handle } = await scene.login('u9');
      await scene.booted.dataSource.getRepository(Session).delete({ handle });
      const answer = await use(access, (session) => [
        session.getUserId(),
        session.getClaimValue(plan) ?? null,
      ]);
      expect(answer.json).toEqual({ result: ['u9', null] });
    });

    it('is revoked without an error, and its tokens go', async () => {
      const { access, handle } = await scene.login('u10');
      await scene.booted.dataSource.getRepository(Session).delete({ handle });
      const answer = await use(access, (session) => session.revokeSession());
      expect([answer.status, answer.setCookies]).toEqual([201, CLEARED_COOKIES]);
    });
  });
});
