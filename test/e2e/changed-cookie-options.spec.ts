import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Session,
  SessionEventBus,
  type SessionCookieOptions,
  type SessionModuleOptions,
} from '../../lib/index.js';
import type { FakeClock } from '../../lib/testing/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { HttpClient, send, type Answer } from '../support/http-client.js';
import { REFRESH_COOKIE, SceneController } from '../support/scene.js';
import { readSetCookie } from '../support/set-cookie.js';

const API = 'https://api.example.com';
const OWN_PAGE = { headers: { 'sec-fetch-site': 'same-origin' } };
const SETTINGS: readonly SessionCookieOptions[] = [
  {},
  { prefix: '' },
  { prefix: '__Secure-' },
  { refreshPath: '/auth/session/refresh' },
  { refreshPath: '/auth', prefix: '' },
  { domain: 'example.com' },
  { domain: 'example.com', refreshPath: '/auth' },
  { domain: 'example.com', prefix: '' },
];
const CHANGES = SETTINGS.flatMap((before) =>
  // A change of the domain needs `olderDomain`, as docs/situations.md says.
  SETTINGS.filter((after) => after !== before && after.domain === before.domain).map(
    (after) => [before, after] as const,
  ),
);

describe.each(platforms)(
  'a user whose application starts with other cookie options, on %s',
  (platform) => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'changed-cookies-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    async function start(database: string, cookie: SessionCookieOptions): Promise<BootedApp> {
      return bootApp({
        platform,
        database: { type: 'better-sqlite3', database },
        controllers: [SceneController],
        sessions: { cookie },
      });
    }

    it.each(CHANGES)(
      'logs in again at most once, and then goes on: from %o to %o',
      async (...change) => {
        const database = join(folder, `${randomUUID()}.sqlite`);
        const [before, after] = change;
        const old = await start(database, before);
        const browser = old.client(API);
        await browser.post('/login', { userId: 'ada' });
        expect((await browser.get('/me')).json).toEqual({ userId: 'ada' });
        await old.close();

        const booted = await start(database, after);
        const again = new HttpClient(booted.url, API, browser.jar);
        if ((await again.get('/me')).status === 401) await again.post('/login', { userId: 'ada' });
        // A refresh token of before may be there under another path, until the next login at the latest.
        if ((await again.post('/auth/session/refresh', undefined, OWN_PAGE)).status === 401) {
          await again.post('/login', { userId: 'ada' });
        }
        for (let day = 0; day < 3; day += 1) {
          expect((await again.get('/me')).json).toEqual({ userId: 'ada' });
          booted.clock.advanceMs(24 * 60 * 60 * 1_000);
          expect((await again.post('/auth/session/refresh', undefined, OWN_PAGE)).status).toBe(200);
        }
        expect((await again.post('/auth/signout')).json).toEqual({ status: 'OK' });
        expect((await again.get('/me')).status).toBe(401);
        await booted.close();
      },
    );
  },
);

/** The cookies of a browser for the API, as it keeps them apart by the sites that embed its widget (CHIPS). */
class WidgetBrowser {
  private readonly jars = new Map<string, Map<string, string>>();

  /** @param knowsPartitioned whether it does so; older browsers ignore the attribute */
  constructor(
    private url: string,
    private readonly knowsPartitioned = true,
  ) {}

  /** From now on, the API runs there. */
  moveTo(url: string): void {
    this.url = url;
  }

  async post(site: string, path: string, body?: unknown): Promise<Answer> {
    const cookies = [site, ''].flatMap((each) => [...this.jar(each)]);
    const cookie = cookies.map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { host: new URL(API).host, rid: 'session', cookie };
    const answer = await send(this.url + path, 'POST', { headers, body });
    for (const line of answer.setCookies) {
      const { name, value, attributes } = readSetCookie(line);
      const isPartitioned = this.knowsPartitioned && attributes['partitioned'] === true;
      const jar = this.jar(isPartitioned ? site : '');
      if (attributes['max-age'] === '0') jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }

  /** @param site the one whose own cookies are asked for; '' for those of no site */
  names(site: string): string[] {
    return [...this.jar(site).keys()].toSorted();
  }

  private jar(site: string): Map<string, string> {
    const jar = this.jars.get(site) ?? new Map<string, string>();
    this.jars.set(site, jar);
    return jar;
  }
}

describe.each(platforms)('a widget on several sites, on %s', (platform) => {
  const cookie = { sameSite: 'none' } as const;
  const options: SessionModuleOptions = { antiCsrf: 'VIA_CUSTOM_HEADER' };
  let folder: string;
  const running: BootedApp[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'partitioned-'));
  });
  afterEach(async () => {
    for (const each of running.splice(0)) await each.close();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function start(database: string, partitioned: boolean, clock?: FakeClock) {
    const booted = await bootApp({
      platform,
      database: { type: 'better-sqlite3', database },
      controllers: [SceneController],
      sessions: { ...options, cookie: { ...cookie, partitioned } },
      ...(clock && { clock }),
    });
    running.push(booted);
    return booted;
  }

  /** A user who logged in on site A without `partitioned`, in the application that has just been started with it. */
  async function moved(knowsPartitioned = true) {
    const database = join(folder, `${randomUUID()}.sqlite`);
    const old = await start(database, false);
    const browser = new WidgetBrowser(old.url, knowsPartitioned);
    expect((await browser.post('a.example', '/login', { userId: 'ada' })).status).toBe(201);
    await running.pop()?.close();
    const booted = await start(database, true, old.clock);
    browser.moveTo(booted.url);
    booted.clock.advanceMs(120_000);
    const thefts: string[] = [];
    booted.app.get(SessionEventBus).on('theftDetected', (event) => void thefts.push(event.userId));
    return { booted, browser, thefts };
  }
  const refresh = (browser: WidgetBrowser, site: string) =>
    browser.post(site, '/auth/session/refresh');

  it('a cookie of before `partitioned` goes with the first new one, and is no theft elsewhere', async () => {
    const { booted, browser, thefts } = await moved();
    for (let times = 0; times < 3; times += 1) {
      expect((await refresh(browser, 'a.example')).status).toBe(200);
      expect((await browser.post('a.example', '/act')).status).toBe(200);
      booted.clock.advanceMs(120_000);
    }
    expect(browser.names('')).toEqual([]);
    expect((await refresh(browser, 'b.example')).status).toBe(401);
    expect((await browser.post('b.example', '/login', { userId: 'ada' })).status).toBe(201);
    booted.clock.advanceMs(120_000);
    for (const site of ['a.example', 'b.example']) {
      expect((await refresh(browser, site)).status).toBe(200);
    }
    expect(thefts).toEqual([]);
    expect(await booted.dataSource.getRepository(Session).count()).toBe(2);
  });

  it.each(['/auth/signout', '/login'])(
    'a cookie of before `partitioned` goes at %s',
    async (path) => {
      const { browser } = await moved();
      expect(browser.names('')).toContain(REFRESH_COOKIE);
      await browser.post('a.example', path, { userId: 'ada' });
      expect(browser.names('')).toEqual([]);
    },
  );

  it('a browser that does not know `Partitioned` goes on', async () => {
    const { booted, browser } = await moved(false);
    for (const site of ['a.example', 'b.example', 'a.example']) {
      expect((await refresh(browser, site)).status).toBe(200);
      expect((await browser.post(site, '/act')).status).toBe(200);
      booted.clock.advanceMs(120_000);
    }
    expect((await browser.post('b.example', '/auth/signout')).status).toBe(200);
    expect(browser.names('')).toEqual([]);
  });
});
