import { Controller, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, VerifySession, type SessionContainer } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import {
  expectAnswer,
  expectRefused,
  expectTokensCleared,
  THEFT,
  UNAUTHORISED,
} from '../support/refusal.js';
import { accessCookie, bothCookies, holderOf, refreshCookie, Scene } from '../support/scene.js';

@Controller('auth')
class OwnRefreshController {
  @Post('session/refresh')
  @VerifySession()
  refresh(@CurrentSession() session: SessionContainer): object {
    return { refreshed: session.getUserId() };
  }
}

@Controller()
class OtherController {
  @Post('auth/:kind/refresh')
  @VerifySession()
  byParameter(): string {
    return 'verified';
  }

  @Post('admin/auth/session/refresh')
  @VerifySession()
  elsewhere(): string {
    return 'verified';
  }
}

// Row 2 of the decisions of a verification: SuperTokens' guard on the refresh path refreshes.
describe.each(platforms)('a guard on the application’s own refresh route on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      sessions: { routes: { refresh: false } },
      controllers: [OwnRefreshController, OtherController],
      prepare: (app) => {
        app.setGlobalPrefix('api', { exclude: ['login', 'me'] });
      },
    });
  });
  afterAll(() => scene.close());

  it('refreshes, whatever became of the access token', async () => {
    const first = await scene.login('u1');
    const answer = await scene.post('/api/auth/session/refresh', refreshCookie(first.refresh));
    expect([answer.status, answer.json]).toEqual([201, { refreshed: 'u1' }]);
    const second = holderOf(answer);
    expect(second.refresh).not.toBe(first.refresh);
    expect((await scene.get('/me', accessCookie(second.access))).json).toEqual({ userId: 'u1' });
  });

  it('refuses what the built-in route would refuse, and clears what it would clear', async () => {
    const { access, refresh, handle } = await scene.login('u2');
    const post = (headers: Record<string, string>) =>
      scene.post('/api/auth/session/refresh', headers);
    await expectRefused(scene, () => post(accessCookie(access)), UNAUTHORISED);
    const evil = { ...refreshCookie(refresh), 'sec-fetch-site': 'cross-site' };
    await expectRefused(scene, () => post(evil), UNAUTHORISED);
    const next = holderOf(await post(refreshCookie(refresh)));
    await scene.get('/me', accessCookie(next.access));
    await scene.settle();
    scene.booted.clock.advanceMs(30_000);
    const theft = await post(bothCookies({ access, refresh }));
    expectAnswer(theft, THEFT);
    expectTokensCleared(theft);
    expect(await scene.sessionRow(handle)).toBeNull();
  });

  it('verifies on every other route, also where its path ends like it', async () => {
    const { access, refresh } = await scene.login('u3');
    const path = '/api/admin/auth/session/refresh';
    await expectRefused(scene, () => scene.post(path, refreshCookie(refresh)), UNAUTHORISED);
    expect((await scene.post(path, accessCookie(access))).text).toBe('verified');
  });

  it('verifies where a path with parameters happens to match', async () => {
    const other = await Scene.open({
      platform,
      sessions: { routes: false },
      controllers: [OtherController],
    });
    const { access, refresh } = await other.login('u4');
    await expectRefused(other, () => other.refresh(refreshCookie(refresh)), UNAUTHORISED);
    expect((await other.refresh(accessCookie(access))).text).toBe('verified');
    await other.close();
  });
});
