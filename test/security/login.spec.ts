import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  CurrentSession,
  RequireFresh,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RESERVED_CLAIMS } from '../../lib/tokens/reserved-claims.js';
import { bootApp, platforms } from '../support/boot-app.js';
import {
  expectNothingChanged,
  expectRefused,
  REPLACED,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  bothCookies,
  holderOf,
  payloadOf,
  refreshCookie,
  Scene,
  SceneController,
} from '../support/scene.js';
import { TokenOracle } from '../support/token-oracle.js';

@Controller()
class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Post('step-up')
  async stepUp(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
    @Body() { userId }: { userId: string },
  ): Promise<void> {
    await this.sessions.reauthenticate(request, response, userId);
  }

  @Post('delete-account')
  @RequireFresh('10m')
  remove(): string {
    return 'removed';
  }

  @Post('promote')
  @VerifySession()
  async promote(@CurrentSession() session: SessionContainer): Promise<void> {
    await session.mergeIntoAccessTokenPayload({ role: 'admin' });
  }

  @Post('login-and-fail')
  async fail(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'failing', {
      note: 'x'.repeat(5_000),
    });
  }
}

describe.each(platforms)('a login on %s', (platform) => {
  let scene: Scene;
  let sessions: SessionService;
  beforeAll(async () => {
    scene = await Scene.open({ platform, controllers: [AccountController] });
    sessions = scene.booted.app.get(SessionService);
  });
  afterAll(() => scene.close());

  const loginWith = async (headers: Record<string, string>, userId: string) =>
    holderOf(await scene.post('/login', headers, { userId }));

  it('F1: over a session ends that one at once, and shares nothing with it', async () => {
    const before = await scene.login('u1');
    const after = await loginWith(bothCookies(before), 'u1');
    expect(after.handle).not.toBe(before.handle);
    await expectRefused(scene, () => scene.get('/me', accessCookie(before.access)), TRY_REFRESH);
    const refresh = () => scene.refresh(refreshCookie(before.refresh));
    await expectRefused(scene, refresh, REPLACED);
    expect((await scene.get('/me', accessCookie(after.access))).json).toEqual({ userId: 'u1' });
  });

  it('F2: takes nothing over from the session before', async () => {
    const before = await scene.login('u2');
    await sessions.mergeIntoAccessTokenPayload(before.handle, { cart: 7, role: 'x' });
    await sessions.updateSessionDataInDatabase(before.handle, { secret: 1 });
    const after = await loginWith(bothCookies(before), 'u2');
    const information = await sessions.getSessionInformation(after.handle);
    expect(information).toMatchObject({
      customClaimsInAccessTokenPayload: {},
      sessionDataInDatabase: {},
    });
    expect(payloadOf(after.access)).not.toHaveProperty('role');
  });

  it('F3: is not steered by a token that is forged, expired from another key, or nobody’s', async () => {
    const victim = await scene.login('victim');
    const forged = `${victim.access.slice(0, -6)}AAAAAA`;
    const tokens = [forged, 'x', `${victim.refresh.slice(0, -6)}AAAAAA`];
    for (const token of tokens) {
      for (const headers of [accessCookie(token), refreshCookie(token)]) {
        expect((await loginWith(headers, 'attacker')).userId).toBe('attacker');
      }
    }
    expect((await scene.get('/strict', accessCookie(victim.access))).status).toBe(200);
  });

  it('F4: is renewed where its rights change: the old access token says no more than it did', async () => {
    const before = await scene.login('u4');
    const after = holderOf(await scene.post('/promote', accessCookie(before.access)), before);
    expect(payloadOf(after.access)).toMatchObject({ role: 'admin' });
    const strict = await scene.get('/strict', accessCookie(before.access));
    expect(payloadOf(holderOf(strict, before).access)).toMatchObject({ role: 'admin' });
  });

  it('F5: that fails leaves no row and sets no cookie', async () => {
    const before = await scene.rows();
    const answer = await scene.post('/login-and-fail');
    expect([answer.status, answer.setCookies]).toEqual([400, []]);
    expect(await scene.rows()).toEqual(before);
  });

  it.each([...RESERVED_CLAIMS])('F6: cannot set the claim %s', async (claim) => {
    const { handle } = await scene.login('u6');
    const row = await scene.sessionRow(handle);
    const payload = { [claim]: 'x' };
    const create = sessions.createNewSessionWithoutRequestResponse('public', 'u6', payload);
    await expect(create).rejects.toThrow(`reserved claim ${claim}`);
    const merge = sessions.mergeIntoAccessTokenPayload(handle, payload);
    await expect(merge).rejects.toThrow(`reserved claim ${claim}`);
    expect(await scene.sessionRow(handle)).toEqual(row);
  });

  it('F7: with a factor missing is no session where every guard asks for it', async () => {
    const complete = new BooleanClaim({ key: 'mfa', fetchValue: () => false });
    const guarded = await bootApp({
      platform,
      controllers: [SceneController],
      sessions: { claims: [complete], globalClaimValidators: [complete.validators.isTrue()] },
    });
    try {
      const client = guarded.client();
      expect((await client.post('/login', { userId: 'half' })).status).toBe(201);
      expect((await client.get('/me')).status).toBe(403);
    } finally {
      await guarded.close();
    }
  });

  it('A1: is fresh for as long as its route says, and no refresh makes it fresher', async () => {
    const holder = await scene.login('fresh');
    const remove = (access: string) => scene.post('/delete-account', accessCookie(access));
    expect((await remove(holder.access)).status).toBe(201);
    const before = payloadOf(holder.access)['auth_time'];
    await scene.advance(11 * 60_000);
    let last = holder;
    for (let turn = 0; turn < 10; turn += 1) {
      last = holderOf(await scene.refresh(refreshCookie(last.refresh)), last);
    }
    expect(payloadOf(last.access)['auth_time']).toBe(before);
    expect((await remove(last.access)).status).toBe(403);
  });

  it('A2: that proves again who it is gets new tokens, and only for the same user', async () => {
    const before = await scene.login('same');
    const stepUp = (userId: string) => scene.post('/step-up', bothCookies(before), { userId });
    await expectRefused(scene, () => stepUp('other'), UNAUTHORISED);
    const after = holderOf(await stepUp('same'));
    expect(after.userId).toBe('same');
    expect(after.refresh).not.toBe(before.refresh);
    await expectRefused(scene, () => scene.get('/me', accessCookie(before.access)), TRY_REFRESH);
  });

  it('A3: ends its sessions only soon after its login where the application asks for that', async () => {
    const asked = { routes: { sessionList: { requireFresh: '10m' } } } as const;
    const strict = await Scene.open({ platform, sessions: asked });
    try {
      const own = await strict.login('lister');
      const second = await strict.login('lister');
      await strict.advance(11 * 60_000);
      const headers = bothCookies(own);
      for (const path of [`/auth/sessions/${second.handle}`, '/auth/sessions']) {
        await expectNothingChanged(strict, async () => {
          const refused = await strict.send('DELETE', path, headers);
          expect(refused.status).toBe(403);
          expect(refused.json).toMatchObject({ claimValidationErrors: [{ id: 'auth_time' }] });
        });
      }
      expect((await strict.get('/auth/sessions', headers)).status).toBe(200);
      const fresh = bothCookies(await strict.login('lister'));
      const path = `/auth/sessions/${second.handle}`;
      expect((await strict.send('DELETE', path, fresh)).status).toBe(200);
      expect((await strict.send('DELETE', '/auth/sessions', fresh)).json).toMatchObject({
        revoked: 1,
      });
    } finally {
      await strict.close();
    }
  });

  it('A3: can list and end the sessions of its own user, and no others', async () => {
    const own = await scene.login('lister');
    const second = await scene.login('lister');
    const stranger = await scene.login('stranger');
    const headers = bothCookies(own);
    const end = (handle: string) => scene.send('DELETE', `/auth/sessions/${handle}`, headers);
    const list = await scene.get('/auth/sessions?userId=stranger', headers);
    expect(list.text).not.toContain(stranger.handle);
    expect(list.text).toContain(second.handle);
    expect((await end(stranger.handle)).status).toBe(404);
    expect(await scene.sessionRow(stranger.handle)).not.toBeNull();
    expect((await end(second.handle)).status).toBe(200);
    expect(await scene.sessionRow(second.handle)).toBeNull();
    const oracle = await TokenOracle.of(scene);
    const forged = oracle.withClaims(own.access, { sub: 'stranger' });
    expect((await scene.get('/auth/sessions', accessCookie(forged))).status).toBe(401);
  });
});
