import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionSigningKey, VerifySession } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { QueryCounter } from '../support/query-counter.js';
import { expectRefused, expectTokensUntouched, TRY_REFRESH } from '../support/refusal.js';
import { accessCookie, bearer, holderOf, refreshCookie, Scene } from '../support/scene.js';
import { loginAs } from '../support/login.controller.js';

@Controller()
class AppController extends loginAs('bob') {
  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): object {
    return {};
  }

  @Get('optional')
  @VerifySession({ sessionRequired: false })
  optional(): object {
    return {};
  }
}

describe.each(platforms)('two applications on one database, on %s', (platform) => {
  let database: TestDatabase;
  let shop: BootedApp;
  let office: BootedApp;
  let nobody: BootedApp;

  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    const boot = (audience?: string) =>
      bootApp({
        platform,
        database: database.options,
        controllers: [AppController],
        sessions: { ...(audience && { audience }), tokenTransferMethod: 'header' },
      });
    shop = await boot('shop');
    office = await boot('office');
    nobody = await boot();
  });
  afterAll(async () => {
    await Promise.all([shop.close(), office.close(), nobody.close()]);
    await database.drop();
  });

  const login = async (app: BootedApp) => holderOf(await app.client().post('/login'));
  const shown = (token: string) => ({ headers: bearer(token) });

  it('refuse the access tokens of each other', async () => {
    for (const home of [shop, office, nobody]) {
      const { access } = await login(home);
      for (const app of [shop, office, nobody]) {
        const expected = app === home ? 200 : 401;
        for (const path of ['/me', '/strict', '/optional']) {
          const answer = await app.client().get(path, shown(access));
          expect(answer.status).toBe(expected);
          if (app !== home) expectTokensUntouched(answer);
        }
      }
    }
  });

  it('refuse the refresh tokens of each other, and take them for no theft', async () => {
    for (const home of [shop, office, nobody]) {
      const { refresh, access } = await login(home);
      for (const app of [shop, office, nobody].filter((each) => each !== home)) {
        const answer = await app.client().post('/auth/session/refresh', undefined, shown(refresh));
        expect(answer.json).toEqual({
          statusCode: 401,
          code: 'UNAUTHORISED',
          message: 'unauthorised',
        });
        expectTokensUntouched(answer);
        await app.client().post('/auth/signout', undefined, shown(access));
      }
      await home.app.get(RevocationFeed).poll();
      const own = await home.client().post('/auth/session/refresh', undefined, shown(refresh));
      expect(own.status).toBe(200);
    }
  });

  it('publish and use keys of their own', async () => {
    const published = await Promise.all(
      [shop, office, nobody].map(async (app) => {
        const { json } = await app.client().get('/auth/jwt/jwks.json');
        return (json as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
      }),
    );
    const kids = published.flat();
    expect(new Set(kids).size).toBe(kids.length);
    const rows = await shop.dataSource.getRepository(SessionSigningKey).find();
    expect(new Set(rows.map(({ realm }) => realm)).size).toBe(3);
  });
});

describe.each([
  ['sets `issuer`', {}],
  ['changes `issuer`', { issuer: 'https://before.example.com' }],
])('a deployment that %s', (_, former) => {
  let database: TestDatabase;
  let before: Scene;
  let scene: Scene;
  const queries = new QueryCounter();
  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    before = await Scene.open({ database: database.options, sessions: former });
    scene = await Scene.open({
      database: { ...database.options, logging: true, logger: queries },
      sessions: { issuer: 'https://api.example.com' },
      clock: before.booted.clock,
    });
  });
  afterAll(async () => {
    await Promise.all([before.close(), scene.close()]);
    await database.drop();
  });

  it('makes no guest of a user on an optional route: each client refreshes once', async () => {
    const holder = await before.login('u1');
    for (const path of ['/me', '/optional']) {
      for (const shown of [accessCookie, bearer]) {
        await expectRefused(scene, () => scene.get(path, shown(holder.access)), TRY_REFRESH);
      }
    }
    const { access } = holderOf(await scene.refresh(refreshCookie(holder.refresh)));
    expect((await scene.get('/optional', accessCookie(access))).json).toEqual({ userId: 'u1' });
  });

  it('asks a client that signs out with its access token alone to refresh first', async () => {
    const { access } = await before.login('u2', { 'st-auth-mode': 'header' });
    await expectRefused(scene, () => scene.post('/auth/signout', bearer(access)), TRY_REFRESH);
  });

  it('has the keys read at most once in five seconds, however many clients still come', async () => {
    const { access } = await before.login('u3');
    scene.booted.clock.advanceMs(5_000);
    queries.reset();
    for (let count = 0; count < 10; count += 1) await scene.get('/me', accessCookie(access));
    expect(queries.count('auth_session_key')).toBeLessThanOrEqual(1);
  });
});
