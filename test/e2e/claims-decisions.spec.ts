import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  PrimitiveClaim,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { expectAnswer, expectRefused, expectTokensUntouched } from '../support/refusal.js';
import {
  accessCookie,
  ACCESS_COOKIE,
  frontTokenOf,
  payloadOf,
  REFRESH_COOKIE,
  Scene,
  setCookie,
} from '../support/scene.js';

let fetched = 'gold';
const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => fetched });
const region = new PrimitiveClaim<string>({ key: 'region', fetchValue: () => undefined });

@Controller()
class ClaimsController {
  @Get('gold')
  @VerifySession({
    overrideGlobalClaimValidators: (global) => [...global, plan.validators.hasValue('gold')],
  })
  gold(@CurrentSession() session: SessionContainer): object {
    return { plan: session.getClaimValue(plan) ?? null };
  }

  @Get('fresh')
  @VerifySession({ overrideGlobalClaimValidators: () => [plan.validators.hasValue('gold', 60)] })
  fresh(): string {
    return 'fresh';
  }

  @Get('global')
  @VerifySession()
  global(): string {
    return 'global';
  }

  @Get('none')
  @VerifySession({ overrideGlobalClaimValidators: () => [] })
  none(): string {
    return 'none';
  }

  @Get('maybe')
  @VerifySession({ sessionRequired: false })
  maybe(@CurrentSession() session: SessionContainer | undefined): object {
    return { session: session?.getUserId() ?? null };
  }
}

describe.each(platforms)('the claims of a request on %s', (platform) => {
  let scene: Scene;
  let sessions: SessionService;
  beforeAll(async () => {
    scene = await Scene.open({ platform, controllers: [ClaimsController] });
    sessions = scene.booted.app.get(SessionService);
  });
  beforeEach(() => {
    fetched = 'gold';
  });
  afterAll(() => scene.close());

  const wrong = (actualValue: string) => ({
    status: 403,
    body: {
      statusCode: 403,
      code: 'INVALID_CLAIMS',
      message: 'invalid claim',
      claimValidationErrors: [
        { id: 'plan', reason: { message: 'wrong value', expectedValue: 'gold', actualValue } },
      ],
    },
  });

  it('row 20: a claim that was missing is fetched, stored, and comes in a new token', async () => {
    const { access, handle } = await scene.login('u1');
    const answer = await scene.get('/gold', accessCookie(access));
    expect(answer.json).toEqual({ plan: 'gold' });
    const token = String(setCookie(answer, ACCESS_COOKIE));
    const value = { v: 'gold', t: scene.booted.clock.now() };
    expect(payloadOf(token)['plan']).toEqual(value);
    expect(payloadOf(token)['exp']).toBe(payloadOf(access)['exp']);
    expect(frontTokenOf(answer).up).toMatchObject({ plan: value });
    expect(setCookie(answer, REFRESH_COOKIE)).toBeUndefined();
    const row = await sessions.getSessionInformation(handle);
    expect(row?.customClaimsInAccessTokenPayload).toEqual({ plan: value });
    expectTokensUntouched(await scene.get('/gold', accessCookie(token)));
  });

  it('row 19: one that does not hold is 403, and brings no token though what was fetched is stored', async () => {
    fetched = 'silver';
    const { access, handle } = await scene.login('u2');
    const answer = await scene.get('/gold', accessCookie(access));
    expectAnswer(answer, wrong('silver'));
    expectTokensUntouched(answer);
    const stored = await sessions.getClaimValue(handle, plan);
    expect(stored).toEqual({ status: 'OK', value: 'silver' });
    await scene.expectBystanderToStay();
  });

  it('one that is too old is fetched again', async () => {
    const { access } = await scene.login('u3');
    const first = await scene.get('/fresh', accessCookie(access));
    const token = String(setCookie(first, ACCESS_COOKIE));
    fetched = 'silver';
    await scene.advance(60_000);
    expectTokensUntouched(await scene.get('/fresh', accessCookie(token)));
    await scene.advance(1_000);
    expectAnswer(await scene.get('/fresh', accessCookie(token)), wrong('silver'));
  });

  it('are not asked for without a session, where none is required', async () => {
    expect((await scene.get('/maybe')).json).toEqual({ session: null });
  });

  describe('with validators for every route', () => {
    let strict: Scene;
    beforeAll(async () => {
      strict = await Scene.open({
        platform,
        sessions: { globalClaimValidators: [region.validators.hasValue('eu')] },
        controllers: [ClaimsController],
      });
    });
    afterAll(() => strict.close());

    const missing = {
      status: 403,
      body: {
        statusCode: 403,
        code: 'INVALID_CLAIMS',
        message: 'invalid claim',
        claimValidationErrors: [
          { id: 'region', reason: { message: 'value does not exist', expectedValue: 'eu' } },
        ],
      },
    };

    it.each(['/global', '/maybe', '/gold'])('are 403 at %s, though optional', async (path) => {
      const { access } = await strict.login('u4');
      const answer = await strict.get(path, accessCookie(access));
      expect(answer.status).toBe(403);
      expect(answer.json).toEqual(missing.body);
    });

    it('are not asked for where a route says so, nor at a refresh or a sign-out', async () => {
      const { access, refresh } = await strict.login('u5');
      expect((await strict.get('/none', accessCookie(access))).text).toBe('none');
      const cookie = { cookie: `${REFRESH_COOKIE}=${refresh}` };
      expect((await strict.refresh(cookie)).status).toBe(200);
      expect((await strict.post('/auth/signout', cookie)).status).toBe(200);
    });
  });

  it('that fail change no row and no token where nothing had to be fetched', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u6', {
      plan: { v: 'free', t: scene.booted.clock.now() },
    });
    const cookie = accessCookie(session.getAccessToken());
    await expectRefused(scene, () => scene.get('/gold', cookie), wrong('free'));
  });
});
