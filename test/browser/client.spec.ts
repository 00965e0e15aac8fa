import { Controller, Post, UnauthorizedException } from '@nestjs/common';
import { expect, it } from 'vitest';
import { CreateSession, SessionService, type SessionModuleOptions } from '../../lib/index.js';
import type { SessionFetchOptions } from '../../lib/client/index.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import { topologies, type Frontend, type Topology } from '../support/frontend.js';

@Controller()
class Logins {
  @Post('sign-in')
  @CreateSession()
  signIn(): null {
    return null;
  }

  @Post('sign-in-by-hand')
  signInByHand(): never {
    throw new UnauthorizedException('wrong password');
  }
}

interface Called {
  readonly status: number;
  readonly json: unknown;
  readonly session?: unknown;
  readonly retryAfter?: string;
}

function settingsFor(topology: Topology, pageUrl: string): SessionModuleOptions {
  if (topology !== 'two sites') return {};
  return {
    cookie: { sameSite: 'none', partitioned: true },
    antiCsrf: 'VIA_FETCH_METADATA',
    trustedOrigins: [pageUrl],
  };
}

describeInChromium('a page with nestjs-auth-sessions/client', () => {
  const tests = BrowserTests.forSuite();

  async function open(
    frontend: Frontend,
    options: SessionFetchOptions = {},
    apiUrl = frontend.apiUrl,
  ) {
    const tab = await (await tests.newContext()).newPage();
    await tab.goto(`${frontend.pageUrl}/client.html`);
    const run = async <T>(name: string, ...parameters: unknown[]): Promise<T> =>
      tab.evaluate(
        `${name}(${parameters.map((each) => JSON.stringify(each) ?? 'undefined').join(', ')})`,
      );
    await run('start', apiUrl, options);
    const call = (...parameters: unknown[]) => run<Called>('call', ...parameters);
    return { run, call };
  }

  it.each(topologies)('logs in, stays logged in and signs out, on %s', async (topology) => {
    const frontend = await tests.startFrontend({
      topology,
      controllers: [Logins],
      sessions: (pageUrl) => settingsFor(topology, pageUrl),
    });
    const { run, call } = await open(frontend);
    expect((await call('GET', '/me')).status).toBe(401);
    const payload = { plan: 'gold', name: 'Zoë' };
    const login = await call('POST', '/login', { userId: 'u1', payload });
    expect(login.session).toMatchObject({ userId: 'u1', claims: payload });
    expect(await call('GET', '/me')).toEqual({ status: 200, json: { userId: 'u1' } });

    frontend.expireAccessTokens();
    frontend.traffic.forget();
    const answers = await run<Called[]>('callAtOnce', 10, 'POST', '/me');
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(frontend.traffic.refreshes).toHaveLength(1);

    for (const path of ['/sign-in', '/sign-in-by-hand']) {
      expect((await call('POST', path)).status).toBe(401);
      expect(frontend.traffic.to(path)).toHaveLength(1);
    }
    expect(frontend.traffic.refreshes).toHaveLength(1);

    frontend.expireAccessTokens();
    const sent = await run<Called>('callRequest', `${frontend.apiUrl}/merge`);
    expect(sent.status).toBe(201);
    expect((await call('GET', '/payload')).json).toMatchObject({ name: 'Ada' });
    expect((await call('POST', '/auth/signout')).session).toBeNull();
    expect((await call('POST', '/me')).status).toBe(401);
  });

  it.each(topologies)(
    'tells all that wait of an outage, not of an end, on %s',
    async (topology) => {
      const frontend = await tests.startFrontend({
        topology,
        sessions: (pageUrl) => settingsFor(topology, pageUrl),
      });
      const { run, call } = await open(frontend);
      await call('POST', '/login', { userId: 'u1' });
      frontend.expireAccessTokens();
      await frontend.booted.dataSource.destroy();
      const answers = await run<Called[]>('callAtOnce', 3, 'GET', '/me');
      const outage = {
        status: 503,
        json: expect.objectContaining({ code: 'SESSION_STORE_UNAVAILABLE' }) as unknown,
        retryAfter: '5',
      };
      expect(answers).toEqual([outage, outage, outage]);
    },
  );

  it('tells of new claims and of the end, as its refreshes have learned', async () => {
    const frontend = await tests.startFrontend({ topology: 'two origins of one site' });
    const sessions = frontend.booted.app.get(SessionService);
    const { run, call } = await open(frontend);
    await call('POST', '/login', { userId: 'u1', payload: { plan: 'free' } });
    const [handle = ''] = await sessions.getAllSessionHandlesForUser('u1');
    await sessions.mergeIntoAccessTokenPayload(handle, { plan: 'gold' });
    frontend.expireAccessTokens();
    const answers = await run<Called[]>('callAtOnce', 3, 'GET', '/me');
    const told = { status: 200, session: { userId: 'u1', claims: { plan: 'gold' } } };
    expect(answers).toMatchObject([told, told, told]);
    expect((await call('GET', '/me')).session).toBeUndefined();
    await sessions.revokeSession(handle);
    frontend.expireAccessTokens();
    expect(await call('GET', '/me')).toMatchObject({ status: 401, session: null });
    expect((await call('GET', '/me')).session).toBeUndefined();
  });

  it('tells of a limit that its refresh has met', async () => {
    const refreshes = { max: 1, per: '1d' } as const;
    const frontend = await tests.startFrontend({ sessions: { rateLimit: { refreshes } } });
    const { call } = await open(frontend);
    await call('POST', '/login', { userId: 'u1' });
    frontend.expireAccessTokens();
    expect((await call('GET', '/me')).status).toBe(200);
    frontend.expireAccessTokens();
    expect(await call('GET', '/me')).toMatchObject({
      status: 429,
      json: { code: 'TOO_MANY_REQUESTS' },
      retryAfter: expect.stringMatching(/^\d+$/) as unknown,
    });
  });

  it.each([
    ['', 'auth'],
    ['/', '/auth/'],
  ])(
    "refreshes at the same route with and without a slash after the API's address and before its base path: '%s', '%s'",
    async (slash, basePath) => {
      const frontend = await tests.startFrontend();
      const { call } = await open(frontend, { basePath }, frontend.apiUrl + slash);
      await call('POST', '/login', { userId: 'u1' });
      frontend.expireAccessTokens();
      expect((await call('GET', '/me')).json).toEqual({ userId: 'u1' });
    },
  );

  it('sends the header that `VIA_CUSTOM_HEADER` asks for, to the API alone', async () => {
    const frontend = await tests.startFrontend({
      topology: 'two origins of one site',
      sessions: { antiCsrf: 'VIA_CUSTOM_HEADER' },
    });
    const { run, call } = await open(frontend, { headers: { rid: 'app' } });
    await call('POST', '/login', { userId: 'u1' });
    frontend.expireAccessTokens();
    expect((await call('POST', '/me')).status).toBe(201);
    const page = await run<Called>('callRequest', `${frontend.pageUrl}/me`).catch(() => 'refused');
    expect(page).toBe('refused');
    expect(frontend.traffic.refreshes).toHaveLength(1);
  });
});
