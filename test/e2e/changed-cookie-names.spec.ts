import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Post, Req, Res } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Session,
  SessionService,
  VerifySession,
  type SessionCookieOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { HttpClient } from '../support/http-client.js';
import { SceneController } from '../support/scene.js';

const API = 'https://api.example.com';
const OWN_PAGE = { headers: { 'sec-fetch-site': 'same-origin' } };
const REFRESH = '/auth/session/refresh';

/** Each names its cookies with a weaker prefix than the one before it, or as weak a one. */
const WEAKER: readonly (readonly [SessionCookieOptions, SessionCookieOptions])[] = [
  [{}, { refreshPath: '/auth' }],
  [{}, { path: '/act', refreshPath: '/auth' }],
  [{}, { domain: 'example.com' }],
  [{}, { prefix: '' }],
  [{ prefix: '__Secure-' }, { prefix: '' }],
];
// A cookie of another domain is named by `olderDomain`, as docs/situations.md says.
const STRONGER = WEAKER.filter(([, { domain }]) => domain === undefined).map(
  ([strong, weak]) => [weak, strong] as const,
);

@Controller()
class ActingController {
  constructor(private readonly sessions: SessionService) {}

  @Post('impersonate')
  @VerifySession()
  async begin(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.impersonate(request, response, { userId: 'bob', reason: 'ticket 7' });
  }
}

describe.each(platforms)('after a change of the cookies’ names, on %s', (platform) => {
  let folder: string;
  const apps: BootedApp[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cookie-names-'));
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** An instance with each of these options, side by side, and one browser that is logged in at the first. */
  async function start(
    options: readonly SessionCookieOptions[],
  ): Promise<{ before: HttpClient; after: HttpClient; booted: BootedApp }> {
    const database = join(folder, `${randomUUID()}.sqlite`);
    const clients: HttpClient[] = [];
    for (const cookie of options) {
      const booted = await bootApp({
        platform,
        database: { type: 'better-sqlite3', database },
        controllers: [SceneController, ActingController],
        sessions: { cookie },
      });
      apps.push(booted);
      clients.push(new HttpClient(booted.url, API, clients[0]?.jar));
    }
    const [before, after] = clients;
    const booted = apps.at(-1);
    if (before === undefined || after === undefined || booted === undefined) {
      throw new Error('two instances are needed');
    }
    expect((await before.post('/login', { userId: 'ada' })).status).toBe(201);
    return { before, after, booted };
  }

  const refresh = (client: HttpClient) => client.post(REFRESH, undefined, OWN_PAGE);

  async function usersIn({ dataSource }: BootedApp): Promise<string[]> {
    return (await dataSource.getRepository(Session).find()).map(({ userId }) => userId);
  }

  /** The names and paths of all cookies that the browser has. */
  async function cookiesOf({ jar }: HttpClient): Promise<string[]> {
    const { cookies } = await jar.serialize();
    // The jar keeps a removed cookie until it next looks at its path.
    const kept = cookies.filter(({ value = '' }) => value !== '');
    return kept.map(({ key, path }) => [key, path].join(' ')).toSorted();
  }

  describe.each(WEAKER)('from %o to %o, whose prefix is weaker', (...options) => {
    it('a session goes on with its next refresh, and its former cookies are gone', async () => {
      const { after, booted } = await start(options);
      expect((await refresh(after)).status).toBe(200);
      expect((await after.get(options[1].path ?? '/me')).json).toMatchObject({ userId: 'ada' });
      expect(await usersIn(booted)).toEqual(['ada']);
      const cookies = await cookiesOf(after);
      expect(cookies).toHaveLength(2);
      const other = await start([options[1], options[0]]);
      expect(await cookiesOf(other.before)).toEqual(cookies);
    });

    it('a login ends the former session, and leaves none of its cookies', async () => {
      const { before, after, booted } = await start(options);
      await after.post('/login', { userId: 'bob' });
      expect(await usersIn(booted)).toEqual(['bob']);
      expect(await cookiesOf(after)).toHaveLength(2);
      expect((await refresh(before)).status).toBe(401);
    });

    it('a sign-out ends the former session, and leaves no cookie', async () => {
      const { after, booted } = await start(options);
      expect((await after.post('/auth/signout', undefined, OWN_PAGE)).json).toEqual({
        status: 'OK',
      });
      expect(await usersIn(booted)).toEqual([]);
      expect(await cookiesOf(after)).toEqual([]);
    });
  });

  describe.each(STRONGER)('from %o to %o, whose prefix is stronger', (...options) => {
    it('no former refresh token is taken, because a sibling could have set it', async () => {
      const { after } = await start(options);
      expect((await refresh(after)).status).toBe(401);
      await after.post('/login', { userId: 'bob' });
      expect((await refresh(after)).status).toBe(200);
      expect((await after.get('/me')).json).toEqual({ userId: 'bob' });
    });

    it('a sign-out ends the former session, and leaves no cookie of it on its path', async () => {
      const { after, booted } = await start(options);
      expect((await after.post('/auth/signout', undefined, OWN_PAGE)).json).toEqual({
        status: 'OK',
      });
      expect(await usersIn(booted)).toEqual([]);
      expect((await after.jar.getCookies(`${API}${REFRESH}`)).map(({ key }) => key)).toEqual([]);
    });
  });

  it('a login ends the session of a cookie without the prefix, and removes it', async () => {
    const { after, booted } = await start([{ prefix: '' }, {}]);
    await after.post('/login', { userId: 'bob' });
    expect(await usersIn(booted)).toEqual(['bob']);
    expect(await cookiesOf(after)).toEqual(['__Host-sAccessToken /', '__Host-sRefreshToken /']);
  });

  // Each cookie alone, since the other one would show the session too.
  it.each([
    ['a sign-out', 'sAccessToken', '/auth/signout', []],
    ['a sign-out', 'sRefreshToken-actor', '/auth/signout', []],
    ['a login', 'sAccessToken', '/login', ['eve']],
    ['a login', 'sRefreshToken-actor', '/login', ['eve']],
  ])('%s ends the own session of who acts, by %s alone', async (_, name, path, left) => {
    const { before, after, booted } = await start([{ prefix: '' }, {}]);
    expect((await before.post('/impersonate')).status).toBe(201);
    expect((await usersIn(booted)).toSorted()).toEqual(['ada', 'bob']);
    const cookies = await after.jar.getCookies(`${API}/`);
    const shown = cookies.find(({ key }) => key === name);
    const headers = { ...OWN_PAGE.headers, cookie: `${name}=${shown?.value}` };
    expect((await after.post(path, { userId: 'eve' }, { headers })).status).toBeLessThan(300);
    expect(await usersIn(booted)).toEqual(left);
  });

  it('a sign-out of another site’s page changes nothing', async () => {
    const { after, booted } = await start([{ prefix: '' }, {}]);
    const foreign = { headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' } };
    await after.post('/auth/signout', undefined, foreign);
    expect(await usersIn(booted)).toEqual(['ada']);
    expect(await cookiesOf(after)).toEqual(['sAccessToken /', 'sRefreshToken /']);
  });

  it('a cookie of another application under a weaker name stays, and changes nothing', async () => {
    const { after } = await start([{}, {}]);
    await after.jar.setCookie('sRefreshToken=theirs; Secure; Path=/', `${API}/`);
    await after.jar.setCookie('__Secure-sAccessToken=theirs; Secure; Path=/', `${API}/`);
    expect((await refresh(after)).status).toBe(200);
    expect((await after.get('/me')).json).toEqual({ userId: 'ada' });
    expect((await after.post('/auth/signout')).json).toEqual({ status: 'OK' });
    expect(await cookiesOf(after)).toEqual(['__Secure-sAccessToken /', 'sRefreshToken /']);
    await after.post('/login', { userId: 'bob' });
    expect(await cookiesOf(after)).toHaveLength(4);
  });

  it('values planted under a weaker name hide no session from a login', async () => {
    const booted = await bootApp({ platform, controllers: [SceneController] });
    apps.push(booted);
    const mode = { 'st-auth-mode': 'header' };
    const login = await booted.client(API).post('/login', { userId: 'ada' }, { headers: mode });
    const token = String(login.headers['st-access-token']);
    const forged = Array.from({ length: 8 }, (_, index) => `${token.slice(0, -6)}AAAA${index}A`);
    const cookie = forged.map((each) => `sAccessToken=${each}`).join('; ');
    const headers = { ...mode, cookie, authorization: `Bearer ${token}` };
    await booted.client(API).post('/login', { userId: 'bob' }, { headers });
    expect(await usersIn(booted)).toEqual(['bob']);
  });

  it('a session planted under a weaker name proves no sign-out by an anti-CSRF token', async () => {
    const booted = await bootApp({
      platform,
      controllers: [SceneController],
      sessions: { antiCsrf: 'VIA_TOKEN' },
    });
    apps.push(booted);
    const victim = booted.client(API);
    await victim.post('/login', { userId: 'ada' });
    const thief = booted.client(API);
    const antiCsrf = (await thief.post('/login', { userId: 'eve' })).headers['anti-csrf'];
    const planted = await thief.cookie('__Host-sRefreshToken');
    await victim.jar.setCookie(`sRefreshToken=${planted}; Secure; Path=/`, `${API}/`);
    const headers = { 'anti-csrf': String(antiCsrf) };
    const answer = await victim.post('/auth/signout', undefined, { headers });
    expect(answer.status).toBe(401);
    expect(answer.setCookies).toEqual([]);
    expect((await usersIn(booted)).toSorted()).toEqual(['ada', 'eve']);
  });
});
