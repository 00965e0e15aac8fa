import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionSigningKey, VerifySession } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { expectTokensUntouched } from '../support/refusal.js';
import { holderOf } from '../support/scene.js';
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
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  it('refuse the access tokens of each other', async () => {
    for (const home of [shop, office, nobody]) {
      const { access } = await login(home);
      for (const app of [shop, office, nobody]) {
        const expected = app === home ? 200 : 401;
        for (const path of ['/me', '/strict']) {
          const answer = await app.client().get(path, bearer(access));
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
        const answer = await app.client().post('/auth/session/refresh', undefined, bearer(refresh));
        expect(answer.json).toEqual({
          statusCode: 401,
          code: 'UNAUTHORISED',
          message: 'unauthorised',
        });
        expectTokensUntouched(answer);
        await app.client().post('/auth/signout', undefined, bearer(access));
      }
      await home.app.get(RevocationFeed).poll();
      const own = await home.client().post('/auth/session/refresh', undefined, bearer(refresh));
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
