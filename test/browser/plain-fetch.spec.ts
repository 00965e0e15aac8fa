import type { BrowserContext } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { SessionEventBus, type SessionModuleOptions } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import { topologies, type Frontend, type Topology } from '../support/frontend.js';

/** What docs/frontend.md says to set for plain `fetch`, beyond what every frontend of this kind needs. */
function settingsFor(topology: Topology, pageUrl: string): SessionModuleOptions {
  if (topology !== 'two sites') return {};
  return {
    cookie: { sameSite: 'none', partitioned: true },
    antiCsrf: 'VIA_FETCH_METADATA',
    trustedOrigins: [pageUrl],
  };
}

describeInChromium('a page with plain fetch and the code of docs/frontend.md', () => {
  const tests = BrowserTests.forSuite();

  describe.each(
    topologies.flatMap((topology) => platforms.map((platform) => ({ topology, platform }))),
  )('with its API on $topology, on $platform', ({ topology, platform }) => {
    it('logs in, goes on when access tokens expire, and signs out', async () => {
      const frontend = await tests.startFrontend({
        topology,
        platform,
        sessions: (pageUrl) => settingsFor(topology, pageUrl),
      });
      const thefts: unknown[] = [];
      const bus = frontend.booted.app.get(SessionEventBus);
      bus.on('theftDetected', (event) => void thefts.push(event));
      const page = await PlainPage.open(await tests.newContext(), frontend);
      expect((await page.call('GET', '/me')).status).toBe(401);
      expect((await page.call('POST', '/login', { userId: 'u1' })).status).toBe(201);
      expect(await page.call('GET', '/me')).toEqual({ status: 200, json: { userId: 'u1' } });
      for (let rounds = 0; rounds < 2; rounds += 1) {
        frontend.expireAccessTokens();
        frontend.traffic.forget();
        const answers = await page.callAtOnce(10, 'POST', '/me');
        expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
        expect(new Set(frontend.traffic.refreshes.map(({ status }) => status))).toEqual(
          new Set([200]),
        );
      }
      expect(await page.call('POST', '/auth/signout')).toMatchObject({ json: { status: 'OK' } });
      expect(await page.cookieNames()).toEqual([]);
      expect((await page.call('GET', '/me')).status).toBe(401);
      expect(thefts).toEqual([]);
    });
  });

  it('lets two tabs refresh at the same moment', async () => {
    const frontend = await tests.startFrontend();
    const context = await tests.newContext();
    const tabs = [
      await PlainPage.open(context, frontend),
      await PlainPage.open(context, frontend),
    ] as const;
    await tabs[0].call('POST', '/login', { userId: 'u1' });
    for (let rounds = 0; rounds < 3; rounds += 1) {
      frontend.expireAccessTokens();
      const answers = await Promise.all(tabs.map((tab) => tab.callAtOnce(5, 'GET', '/me')));
      expect(new Set(answers.flat().map(({ status }) => status))).toEqual(new Set([200]));
    }
  });

  it('tells all that wait of an outage, not of an end', async () => {
    const frontend = await tests.startFrontend({ topology: 'two origins of one site' });
    const page = await PlainPage.open(await tests.newContext(), frontend);
    await page.call('POST', '/login', { userId: 'u1' });
    frontend.expireAccessTokens();
    await frontend.booted.dataSource.destroy();
    const answers = await page.callAtOnce(3, 'GET', '/me');
    expect(answers.map(({ status, retryAfter }) => [status, retryAfter])).toEqual([
      [503, '5'],
      [503, '5'],
      [503, '5'],
    ]);
  });

  it('adds the header `rid` where a custom header is asked for', async () => {
    const frontend = await tests.startFrontend({ sessions: { antiCsrf: 'VIA_CUSTOM_HEADER' } });
    const page = await PlainPage.open(await tests.newContext(), frontend);
    await page.call('POST', '/login', { userId: 'u1' });
    expect((await page.call('POST', '/me')).status).toBe(401);
    expect((await page.call('POST', '/me', undefined, { rid: 'app' })).status).toBe(201);
  });

  it('shares the session among API hosts whose parent domain the cookies have', async () => {
    const frontend = await tests.startFrontend({
      topology: 'two origins of one site',
      sessions: { cookie: { domain: 'example.localhost' } },
    });
    const page = await PlainPage.open(await tests.newContext(), frontend);
    await page.call('POST', '/login', { userId: 'u1' });
    await page.useApi(frontend.apiUrl.replace('//api.', '//files.'));
    expect((await page.call('GET', '/me')).json).toEqual({ userId: 'u1' });
    frontend.expireAccessTokens();
    expect((await page.call('GET', '/me')).json).toEqual({ userId: 'u1' });
  });

  it('is refused by an API on another site that does not know its origin', async () => {
    const frontend = await tests.startFrontend({
      topology: 'two sites',
      sessions: (pageUrl) => ({ ...settingsFor('two sites', pageUrl), trustedOrigins: [] }),
    });
    const page = await PlainPage.open(await tests.newContext(), frontend);
    expect(await page.call('POST', '/login', { userId: 'u1' })).toMatchObject({ status: 403 });
    expect(await page.cookieNames()).toEqual([]);
  });
});

interface Called {
  readonly status: number;
  readonly json: unknown;
  readonly retryAfter?: string;
}

class PlainPage {
  private constructor(
    private readonly context: BrowserContext,
    private readonly evaluate: (expression: string) => Promise<unknown>,
  ) {}

  static async open(context: BrowserContext, frontend: Frontend): Promise<PlainPage> {
    const tab = await context.newPage();
    await tab.goto(`${frontend.pageUrl}/plain.html`);
    const page = new PlainPage(context, (expression) => tab.evaluate(expression));
    await page.useApi(frontend.apiUrl);
    return page;
  }

  useApi(apiUrl: string): Promise<unknown> {
    return this.run('start', apiUrl);
  }

  async call(method: string, path: string, body?: object, headers?: object): Promise<Called> {
    return (await this.run('call', method, path, body, headers)) as Called;
  }

  async callAtOnce(count: number, method: string, path: string): Promise<Called[]> {
    return (await this.run('callAtOnce', count, method, path)) as Called[];
  }

  async cookieNames(): Promise<string[]> {
    return (await this.context.cookies()).map(({ name }) => name);
  }

  private run(name: string, ...parameters: unknown[]): Promise<unknown> {
    const list = parameters.map((each) => JSON.stringify(each) ?? 'undefined').join(', ');
    return this.evaluate(`${name}(${list})`);
  }
}
