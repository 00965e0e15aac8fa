import { describe, expect, it } from 'vitest';
import { Session, SessionEventBus, SessionService, Clock } from '../../lib/index.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';
import { SdkPage } from '../support/sdk-page.js';

describeInChromium('supertokens-website refreshes', () => {
  const tests = BrowserTests.forSuite();

  it('7.1 a refresh is answered 200 with a front token that a page of another origin can read', async () => {
    const frontend = await tests.startFrontend({ topology: 'two origins of one site' });
    const page = await tests.loggedIn(frontend);
    expect(await page.refresh()).toBe(true);
    expect(frontend.traffic.refreshes).toMatchObject([
      {
        method: 'POST',
        status: 200,
        answerHeaders: {
          'front-token': expect.stringMatching(/^[\w+/]+=*$/),
          'access-control-expose-headers': expect.stringContaining('front-token'),
          'access-control-allow-origin': frontend.pageUrl,
        },
      },
    ]);
  });

  describe('7.2 where a refresh fails', () => {
    it('7.2 a session that is gone ends with 401, and nothing is left of it', async () => {
      const frontend = await tests.startFrontend();
      const page = await tests.loggedIn(frontend);
      await frontend.booted.app.get(SessionService).revokeAllSessionsForUser('u1');
      expect(await page.call('GET', '/me')).toMatchObject({ status: 401 });
      expect(frontend.traffic.refreshes).toMatchObject([
        { status: 401, answerHeaders: { 'front-token': 'remove' } },
      ]);
      expect(await page.events()).toEqual(['UNAUTHORISED']);
      expect(await page.cookieNames()).toEqual(['st-last-access-token-update']);
    });

    it('7.2 a fault of the server is answered 503, and the session is there when it is over', async () => {
      const database = await createTestDatabase('sqlite');
      const frontend = await tests.startFrontend({ database: database.options });
      const page = await tests.loggedIn(frontend);
      const cookies = await page.cookieNames();
      const { dataSource } = frontend.booted;
      frontend.expireAccessTokens();
      await dataSource.destroy();
      expect(await page.call('GET', '/me')).toMatchObject({
        status: 503,
        json: {
          statusCode: 503,
          code: 'SESSION_STORE_UNAVAILABLE',
          message: 'session store unavailable',
        },
      });
      expect(await page.cookieNames()).toEqual(cookies);
      await dataSource.initialize();
      expect((await page.call('GET', '/me')).status).toBe(200);
      await database.drop();
    });
  });

  it('7.3 a first visit costs one refresh without tokens: a 401 that touches no session', async () => {
    const frontend = await tests.startFrontend();
    const failures: string[] = [];
    const bus = frontend.booted.app.get(SessionEventBus);
    bus.on('theftDetected', () => void failures.push('theft'));
    bus.on('antiCsrfFailed', () => void failures.push('anti-CSRF'));
    await tests.loggedIn(frontend);
    const page = await SdkPage.open(await tests.newContext(), frontend);
    expect((await page.call('GET', '/me')).status).toBe(401);
    expect((await page.call('GET', '/me')).status).toBe(401);
    expect((await page.login('u2')).status).toBe(201);
    expect(frontend.traffic.refreshes).toMatchObject([{ status: 401 }]);
    expect(frontend.traffic.refreshes[0]?.answerHeaders['set-cookie']).toBeUndefined();
    expect(failures).toEqual([]);
    expect(await frontend.booted.dataSource.getRepository(Session).count()).toBe(2);
  });

  describe('7.4 a 401', () => {
    it('7.4 leads to one refresh and the same request again', async () => {
      const frontend = await tests.startFrontend();
      const page = await tests.loggedIn(frontend);
      frontend.expireAccessTokens();
      const body = { plan: 'gold' };
      expect((await page.call('POST', '/merge', { body })).status).toBe(201);
      expect(await page.payload()).toMatchObject(body);
      expect(frontend.traffic.to('/merge').map(({ status }) => status)).toEqual([401, 201]);
      expect(frontend.traffic.refreshes).toHaveLength(1);
    });

    it('7.4 that says “remove” leads to none', async () => {
      const frontend = await tests.startFrontend();
      const page = await tests.loggedIn(frontend);
      await frontend.booted.dataSource.getRepository(Session).clear();
      expect((await page.call('GET', '/checked')).status).toBe(401);
      expect(frontend.traffic.refreshes).toEqual([]);
      expect(await page.doesSessionExist()).toBe(false);
      expect(await page.cookieNames()).toEqual(['st-last-access-token-update']);
    });
  });

  it.each(['fetch', 'XMLHttpRequest'] as const)(
    '7.5 the application gets the body of a 401 over %s',
    async (by) => {
      const frontend = await tests.startFrontend();
      const page = await SdkPage.open(await tests.newContext(), frontend, { by });
      expect(await page.call('GET', '/me')).toMatchObject({
        status: 401,
        json: { statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' },
      });
    },
  );

  it('7.8 the front token says when the access token expires: then, and not before, the SDK refreshes first', async () => {
    const frontend = await tests.startFrontend();
    const page = await tests.loggedIn(frontend);
    const { exp } = await page.payload();
    const frontToken = (await page.cookie('sFrontToken')) ?? '';
    const { ate } = JSON.parse(Buffer.from(frontToken, 'base64').toString()) as { ate: number };
    expect(ate).toBe(Number(exp) * 1000);
    await page.run('setClock', ate - 5_000);
    expect(await page.doesSessionExist()).toBe(true);
    expect(frontend.traffic.refreshes).toHaveLength(0);
    await page.run('setClock', ate + 1);
    expect(await page.doesSessionExist()).toBe(true);
    expect(frontend.traffic.refreshes).toHaveLength(1);
  });

  describe('7.9 at the same moment', () => {
    it.each(['cookie', 'header'] as const)(
      '7.9 ten calls with an expired token cost one refresh by %s',
      async (transferMethod) => {
        const frontend = await tests.startFrontend({ platform: 'fastify' });
        const page = await tests.loggedIn(frontend, { transferMethod });
        frontend.expireAccessTokens();
        const answers = await page.callAtOnce(10, 'GET', '/me');
        expect(answers.map(({ status }) => status)).toEqual(many(10, 200));
        expect(frontend.traffic.refreshes).toMatchObject([{ status: 200 }]);
        // With the new token they come all at once too, the first of them confirming it.
        expect(frontend.traffic.to('/me').map(({ status }) => status)).toEqual([
          ...many(10, 401),
          ...many(10, 200),
        ]);
      },
    );

    it('7.9 two tabs with an expired token cost one refresh', async () => {
      const frontend = await tests.startFrontend();
      const page = await tests.loggedIn(frontend);
      const other = await SdkPage.open(page.tab.context(), frontend);
      frontend.expireAccessTokens();
      const answers = await Promise.all([
        page.callAtOnce(5, 'GET', '/me'),
        other.callAtOnce(5, 'GET', '/me'),
      ]);
      expect(answers.flat().map(({ status }) => status)).toEqual(many(10, 200));
      expect(frontend.traffic.refreshes).toHaveLength(1);
    });

    it('7.9 a service worker may refresh with the same cookies', async () => {
      const frontend = await tests.startFrontend();
      const page = await tests.loggedIn(frontend);
      for (let round = 0; round < 3; round += 1) {
        frontend.expireAccessTokens();
        const [inWorker, inPage] = await Promise.all([
          page.run('refreshInServiceWorker'),
          page.refresh(),
        ]);
        expect([inWorker, inPage]).toEqual([200, true]);
        expect((await page.call('GET', '/me')).status).toBe(200);
      }
      expect(frontend.traffic.refreshes.map(({ status }) => status)).toEqual(many(6, 200));
    });

    it('7.9 another browser with the same cookies may refresh', async () => {
      const frontend = await tests.startFrontend();
      const page = await tests.loggedIn(frontend);
      const copy = await tests.newContext();
      await copy.addCookies(await page.tab.context().cookies());
      const other = await SdkPage.open(copy, frontend);
      expect(await Promise.all([page.refresh(), other.refresh()])).toEqual([true, true]);
      expect((await page.call('GET', '/me')).status).toBe(200);
      expect((await other.call('GET', '/me')).status).toBe(200);
    });
  });

  it('7.9 an answer that gets lost on its way costs no session, however late it is asked for again', async () => {
    const frontend = await tests.startFrontend({ topology: 'two origins of one site' });
    const page = await tests.loggedIn(frontend);
    frontend.expireAccessTokens();
    frontend.apiFront.loseAnswersOf('/auth/session/refresh');
    await expect(page.call('GET', '/me')).rejects.toThrow('Failed to fetch');
    // More than once: Chromium repeats a request by itself where a connection that it had used before breaks.
    const statuses = frontend.traffic.refreshes.map(({ status }) => status);
    expect([...new Set(statuses)]).toEqual([200]);
    frontend.apiFront.loseAnswersOf(undefined);
    frontend.booted.clock.advanceMs(24 * 3_600_000);
    expect((await page.call('GET', '/me')).status).toBe(200);
    frontend.expireAccessTokens();
    expect((await page.call('GET', '/me')).status).toBe(200);
  });

  it('7.10 several refreshes in a row need no verified call in between', async () => {
    const frontend = await tests.startFrontend();
    const page = await tests.loggedIn(frontend);
    for (let refreshes = 0; refreshes < 3; refreshes += 1) expect(await page.refresh()).toBe(true);
    expect(frontend.traffic.refreshes.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await page.call('GET', '/me')).status).toBe(200);
  });

  it('7.19 no refresh brings a session back that is over, and the cookies of it go', async () => {
    const frontend = await tests.startFrontend();
    const page = await tests.loggedIn(frontend);
    const context = page.tab.context();
    const before = await context.cookies();
    await page.call('POST', '/revoke');
    await context.addCookies(
      before.map((each) => (each.name === 'sAccessToken' ? { ...each, value: 'broken' } : each)),
    );
    expect((await page.call('GET', '/me')).status).toBe(401);
    expect(frontend.traffic.refreshes).toMatchObject([{ status: 401 }]);
    expect(await page.cookieNames()).toEqual(['st-last-access-token-update']);
  });

  it('7.21 new signing keys cost no refresh while tokens of the old ones live', async () => {
    const frontend = await tests.startFrontend({
      clock: new Clock(),
      sessions: { accessTokenLifetime: '100s', signing: { rotationInterval: '2s' } },
    });
    const page = await tests.loggedIn(frontend);
    for (let calls = 0; calls < 45; calls += 1) {
      expect((await page.call('GET', '/me')).status).toBe(200);
      // A new key begins with a new token: here those of other users.
      await frontend.booted.client().post('/login', { userId: `other${calls}` });
      await page.tab.waitForTimeout(100);
    }
    const { keys } = frontend.booted.app.get(SessionService).getJWKS();
    expect(keys.length).toBeGreaterThan(2);
    expect(frontend.traffic.refreshes).toEqual([]);
  });

  it('7.27 the refresh token alone is enough, also while the access token is good', async () => {
    const frontend = await tests.startFrontend({ platform: 'fastify' });
    const page = await tests.loggedIn(frontend, { transferMethod: 'header' });
    await page.run('wipeCookie', 'st-access-token');
    expect(await page.refresh()).toBe(true);
    expect((await page.call('GET', '/me')).status).toBe(200);
    expect(await page.refresh()).toBe(true);
    expect(frontend.traffic.refreshes).toHaveLength(2);
  });

  it('goes on for the whole life of a session, by the real clock, with tokens of two seconds', async () => {
    const frontend = await tests.startFrontend({
      clock: new Clock(),
      sessions: { accessTokenLifetime: '2s', refreshTokenLifetime: '4s' },
    });
    const page = await tests.loggedIn(frontend);
    for (let calls = 0; calls < 60; calls += 1) {
      expect((await page.call('GET', '/me')).status).toBe(200);
      await page.tab.waitForTimeout(100);
    }
    expect(frontend.traffic.refreshes.length).toBeGreaterThan(1);
    expect(frontend.traffic.refreshes.every(({ status }) => status === 200)).toBe(true);
  });
});

function many<T>(count: number, each: T): T[] {
  return Array.from({ length: count }, () => each);
}
