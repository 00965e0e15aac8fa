import { describe, expect, it } from 'vitest';
import { SessionEventBus } from '../../lib/index.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';
import { bootSdkApi, type Frontend } from '../support/frontend.js';
import { SdkPage } from '../support/sdk-page.js';

describeInChromium('supertokens-website and the way of the tokens', () => {
  const tests = BrowserTests.forSuite();

  describe('7.11 a session goes on in the way in which it began', () => {
    it('7.11 by cookie, until a login by header takes its place', async () => {
      const frontend = await tests.startFrontend({ topology: 'two origins of one site' });
      const byCookie = await tests.loggedIn(frontend);
      const context = byCookie.tab.context();
      const page = await SdkPage.open(context, frontend, { transferMethod: 'header' });
      expect((await page.call('GET', '/me')).json).toEqual({ userId: 'u1' });
      expect(await page.refresh()).toBe(true);
      expect(await page.cookieNames()).toContain('sAccessToken');
      await page.login('u2');
      expect(await page.cookieNames()).toEqual([
        'sFrontToken',
        'st-access-token',
        'st-last-access-token-update',
        'st-refresh-token',
      ]);
      expect((await page.call('GET', '/me')).json).toEqual({ userId: 'u2' });
    });

    it('7.11 by header, until a login by cookie takes its place', async () => {
      const frontend = await tests.startFrontend({ topology: 'two origins of one site' });
      const byHeader = await tests.loggedIn(frontend, { transferMethod: 'header' });
      const page = await SdkPage.open(byHeader.tab.context(), frontend);
      expect((await page.call('GET', '/me')).json).toEqual({ userId: 'u1' });
      expect(await page.refresh()).toBe(true);
      expect(await page.cookieNames()).toContain('st-access-token');
      await page.login('u2');
      expect(await page.cookieNames()).toEqual([
        'sAccessToken',
        'sFrontToken',
        'sRefreshToken',
        'st-last-access-token-update',
      ]);
      expect((await page.call('GET', '/me')).json).toEqual({ userId: 'u2' });
    });
  });

  it.each(['Bearer undefined', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Bearer ', 'Basic dTE6cHc='])(
    '7.12 the application’s own "Authorization: %s" does not stand in the way of cookies',
    async (authorization) => {
      const frontend = await tests.startFrontend();
      const page = await tests.loggedIn(frontend);
      const headers = { authorization };
      expect(await page.call('GET', '/me', { headers })).toMatchObject({ json: { userId: 'u1' } });
      frontend.expireAccessTokens();
      expect(await page.call('POST', '/me', { headers })).toMatchObject({ json: { userId: 'u1' } });
      expect(frontend.traffic.refreshes).toHaveLength(1);
    },
  );

  it('7.15 an anti-CSRF token comes with the front token, and stays when the payload changes', async () => {
    const frontend = await tests.startFrontend({ sessions: { antiCsrf: 'VIA_TOKEN' } });
    const page = await SdkPage.open(await tests.newContext(), frontend);
    await page.login('u1');
    const first = await page.cookie('sAntiCsrf');
    expect(frontend.traffic.to('/login')[0]?.answerHeaders).toMatchObject({
      'anti-csrf': first,
      'front-token': expect.any(String),
    });
    await page.call('POST', '/merge', { body: { plan: 'gold' } });
    expect((await page.call('POST', '/me')).status).toBe(201);
    expect(await page.cookie('sAntiCsrf')).toBe(first);
    frontend.traffic.forget();
    frontend.expireAccessTokens();
    expect((await page.call('POST', '/me')).status).toBe(201);
    expect(await page.cookie('sAntiCsrf')).not.toBe(first);
    expect(frontend.traffic.refreshes).toHaveLength(1);
  });

  it('7.15 an anti-CSRF token that a closing page did not read costs no session', async () => {
    const frontend = await tests.startFrontend({ sessions: { antiCsrf: 'VIA_TOKEN' } });
    const page = await tests.loggedIn(frontend);
    // The browser keeps the new cookies, and the SDK never sees the headers beside them.
    expect(await page.run('refreshUnseen', await page.cookie('sAntiCsrf'))).toBe(200);
    expect((await page.call('POST', '/me')).status).toBe(201);
    expect(frontend.traffic.refreshes.map(({ status }) => status)).toEqual([200, 200]);
  });

  it.each([
    ['cookies', 'cookie', {}, ['front-token']],
    [
      'cookies with an anti-CSRF token',
      'cookie',
      { antiCsrf: 'VIA_TOKEN' },
      ['anti-csrf', 'front-token'],
    ],
    [
      'cookies with the access token shown',
      'cookie',
      { exposeAccessTokenToFrontendInCookieBasedAuth: true },
      ['front-token', 'st-access-token'],
    ],
    ['headers', 'header', {}, ['front-token', 'st-access-token', 'st-refresh-token']],
  ] as const)(
    '7.16 a page of another origin may read every header that the SDK needs: %s',
    async (_title, transferMethod, sessions, names) => {
      const frontend = await tests.startFrontend({ topology: 'two origins of one site', sessions });
      const page = await SdkPage.open(await tests.newContext(), frontend, { transferMethod });
      await page.login('u1');
      await page.refresh();
      const answers = [frontend.traffic.to('/login').at(-1), frontend.traffic.refreshes.at(-1)];
      for (const answer of answers) {
        const exposed = String(answer?.answerHeaders['access-control-expose-headers']);
        expect(exposed.split(', ').sort()).toEqual(names);
      }
    },
  );

  it('7.17 the SDK’s header `rid` is enough where a custom header is asked for', async () => {
    const frontend = await tests.startFrontend({
      platform: 'fastify',
      sessions: { antiCsrf: 'VIA_CUSTOM_HEADER' },
    });
    const page = await tests.loggedIn(frontend);
    frontend.expireAccessTokens();
    expect((await page.call('POST', '/me')).status).toBe(201);
    expect(frontend.traffic.to('/me').at(-1)?.headers['rid']).toMatch(/^anti-csrf/);
    expect(frontend.traffic.refreshes).toMatchObject([{ headers: { rid: 'session' } }]);
    await page.signOut();
    expect(await page.doesSessionExist()).toBe(false);
  });

  it.each(['express', 'fastify'] as const)(
    '7.25 the keys are found by the issuer from a page of any origin, on %s',
    async (platform) => {
      const frontend = await tests.startFrontend({
        platform,
        topology: 'two origins of one site',
        withIssuer: true,
      });
      const page = await tests.loggedIn(frontend);
      const { iss } = await page.payload();
      const read = async (url: string) =>
        page.run<Record<string, unknown>>(
          'readWithoutSdk',
          `${url}#superTokensDoNotDoInterception`,
        );
      const configuration = await read(`${String(iss)}/.well-known/openid-configuration`);
      expect(configuration).toMatchObject({ issuer: iss });
      expect(await read(String(configuration['jwks_uri']))).toMatchObject({
        keys: [{ kty: 'EC', use: 'sig' }],
      });
      for (const path of ['/auth/.well-known/openid-configuration', '/auth/jwt/jwks.json']) {
        expect(frontend.traffic.to(path)[0]?.answerHeaders).toMatchObject({
          'access-control-allow-origin': '*',
        });
      }
    },
  );

  describe('a page that loses its own cookies, as Safari’s pages do after a week', () => {
    it.each(['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'NONE'] as const)(
      'finds its session again by one refresh with %s',
      async (antiCsrf) => {
        const frontend = await tests.startFrontend({ sessions: { antiCsrf } });
        const page = await tests.loggedIn(frontend);
        await page.run('wipeCookies');
        expect((await page.call('POST', '/me')).status).toBe(201);
        expect(await page.payload()).toMatchObject({ sub: 'u1' });
        expect(frontend.traffic.refreshes).toMatchObject([{ status: 200 }]);
      },
    );

    it('has lost its session too with VIA_TOKEN, whose token was in them', async () => {
      const frontend = await tests.startFrontend({ sessions: { antiCsrf: 'VIA_TOKEN' } });
      const page = await tests.loggedIn(frontend);
      await page.run('wipeCookies');
      expect((await page.call('POST', '/me')).status).toBe(401);
      expect(await page.doesSessionExist()).toBe(false);
      expect(frontend.traffic.refreshes).toMatchObject([{ status: 401 }]);
      expect((await page.login('u1')).status).toBe(201);
      expect((await page.call('POST', '/me')).status).toBe(201);
    });
  });

  describe('1.4 after a change of the cookies’ domain', () => {
    const TOPOLOGY = 'two origins of one site';

    /** A page logged in under a domain, whose API then has another setting, on the same database. */
    async function withChangedDomain(
      cookie: { olderDomain?: string },
      test: (page: SdkPage, frontend: Frontend, thefts: unknown[]) => Promise<void>,
    ): Promise<void> {
      const database = await createTestDatabase('sqlite');
      const options = { topology: TOPOLOGY, database: database.options } as const;
      const frontend = await tests.startFrontend({
        ...options,
        sessions: { cookie: { domain: 'example.localhost' } },
      });
      const page = await tests.loggedIn(frontend);
      const changed = await bootSdkApi(frontend.pageUrl, frontend.apiUrl, {
        ...options,
        clock: frontend.booted.clock,
        sessions: { cookie },
      });
      try {
        const thefts: unknown[] = [];
        changed.app.get(SessionEventBus).on('theftDetected', (event) => void thefts.push(event));
        frontend.traffic.watch(changed.app);
        frontend.apiFront.forwardTo(changed.url);
        await test(page, frontend, thefts);
      } finally {
        await changed.close();
        await database.drop();
      }
    }

    async function sessionCookies(page: SdkPage): Promise<string[]> {
      return (await page.tab.context().cookies())
        .filter(({ httpOnly }) => httpOnly)
        .map(({ name, domain }) => `${name} of ${domain}`)
        .sort();
    }

    it('1.4 nobody is logged out, and the next refresh moves the session', async () => {
      await withChangedDomain({ olderDomain: 'example.localhost' }, async (page, frontend) => {
        expect((await page.call('GET', '/me')).status).toBe(200);
        expect(frontend.traffic.refreshes).toEqual([]);
        frontend.expireAccessTokens();
        expect((await page.call('GET', '/me')).status).toBe(200);
        expect(frontend.traffic.refreshes).toMatchObject([{ status: 200 }]);
        expect(await sessionCookies(page)).toEqual([
          'sAccessToken of api.example.localhost',
          'sRefreshToken of api.example.localhost',
        ]);
      });
    });

    it('1.4 left-over cookies are removed by a refresh that succeeds', async () => {
      const cookie = { olderDomain: 'example.localhost' };
      await withChangedDomain(cookie, async (page, frontend, thefts) => {
        const context = page.tab.context();
        const leftOver = (await context.cookies()).filter(({ httpOnly }) => httpOnly);
        for (let refreshes = 0; refreshes < 3; refreshes += 1) {
          expect(await page.refresh()).toBe(true);
          // The second one confirms that the first arrived, so that the session rotates again after three grace periods.
          expect(await page.refresh()).toBe(true);
          frontend.booted.clock.advanceMs(91_000);
        }
        frontend.traffic.forget();
        await context.addCookies(leftOver);
        expect((await page.call('GET', '/me')).status).toBe(200);
        expect(frontend.traffic.refreshes).toEqual([]);
        frontend.expireAccessTokens();
        expect((await page.call('GET', '/me')).status).toBe(200);
        expect(frontend.traffic.refreshes).toMatchObject([{ status: 200 }]);
        expect(thefts).toEqual([]);
        expect(await sessionCookies(page)).toEqual([
          'sAccessToken of api.example.localhost',
          'sRefreshToken of api.example.localhost',
        ]);
      });
    });

    it('1.4 without `olderDomain` they stay, the session goes on, and there is no theft', async () => {
      await withChangedDomain({}, async (page, frontend, thefts) => {
        expect(await page.refresh()).toBe(true);
        frontend.traffic.forget();
        expect((await page.call('GET', '/me')).status).toBe(200);
        expect(frontend.traffic.refreshes).toEqual([]);
        frontend.expireAccessTokens();
        expect((await page.call('GET', '/me')).status).toBe(200);
        expect(frontend.traffic.refreshes).toMatchObject([{ status: 200 }]);
        expect(await page.doesSessionExist()).toBe(true);
        expect(await sessionCookies(page)).toHaveLength(4);
        expect(thefts).toEqual([]);
      });
    });
  });
});
