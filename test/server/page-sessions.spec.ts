import {
  Body,
  Catch,
  Controller,
  Get,
  Headers as RequestHeaders,
  Post,
  Redirect,
  Res,
  UnauthorizedException,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { gzipSync } from 'node:zlib';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { readdirSync, readFileSync } from 'node:fs';
import { decodeProtectedHeader } from 'jose';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { plainModule } from '../../scripts/plain-module.mjs';
import {
  CreateSession,
  SessionEventBus,
  SessionException,
  SessionService,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { SessionStore } from '../../lib/store/session.store.js';
import {
  createPageSessions,
  type PageSessions,
  type PageSessionsOptions,
  type Visitor,
} from '../../lib/server/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { ACCESS, BoundScene, REFRESH } from '../support/bound-scene.js';
import { FakeClock } from '../../lib/testing/index.js';
import { createTestDatabase } from '../support/databases.js';
import type { HttpClient } from '../support/http-client.js';
import { SdkApi } from '../support/sdk-api.js';
import { Traffic } from '../support/traffic.js';

const SITE = 'https://www.example.com';

type PageOptions = Partial<PageSessionsOptions>;

/** What docs/frontend.md says to set beside `cookie.domain`. */
const SHARED: PageOptions = { cookiePrefixes: ['__Secure-'] };

@Controller()
class OtherApi {
  passwords = 0;

  @Post('sign-in')
  @CreateSession()
  signIn(): string | null {
    this.passwords += 1;
    return null;
  }

  @Post('sign-in-by-hand')
  signInByHand(): never {
    this.passwords += 1;
    throw new UnauthorizedException('wrong password');
  }

  @Post('sign-in-and-go')
  @CreateSession<{ userId: string }>({ userId: ({ userId }) => userId })
  @Redirect('/me', 303)
  signInAndGo(@Body() body: { userId: string }): object {
    return body;
  }

  @Post('go')
  @Redirect('/me', 303)
  go(): void {}

  @Get('theme')
  theme(@Res({ passthrough: true }) response: ServerResponse): void {
    const lines = ['theme=dark; Path=/', 'size=1; Path=/', 'theme=light; Path=/'];
    response.setHeader('set-cookie', [...lines, 'size=; Path=/; Max-Age=0']);
  }

  @Get('seen')
  seen(@RequestHeaders() headers: Record<string, string>): Record<string, string> {
    return headers;
  }
}

@Catch(SessionException)
class OwnWords implements ExceptionFilter {
  catch(error: SessionException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<ServerResponse>();
    response.writeHead(error.getStatus()).end('Please log in.');
  }
}

/** What answers in place of the API; without a status, 503. */
interface Failing {
  path?: string;
  isSilent?: boolean;
  status?: number;
  headers?: Record<string, string>;
}

/** An API, a page server in front of it, and a browser that keeps what the page server's answers set. */
class Site {
  readonly traffic = new Traffic();

  private constructor(
    readonly booted: BootedApp,
    readonly browser: HttpClient,
    readonly sessions: PageSessions,
    /** The path that something else answers, or nothing at all. */
    readonly failing: Failing,
  ) {
    this.traffic.watch(booted.app);
  }

  static async open(options: BootOptions = {}, pages: PageOptions = {}): Promise<Site> {
    const controllers = [SdkApi, OtherApi];
    const failing: Failing = {};
    const prepare = (app: INestApplication) => {
      if (options.platform === 'fastify') return;
      app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        const { path, isSilent = false, status = 503, headers = {} } = failing;
        if (path !== request.url) next();
        else if (!isSilent) response.writeHead(status, headers).end();
      });
    };
    const booted = await bootApp({ controllers, prepare, ...options });
    return new Site(booted, booted.client(SITE), Site.sessionsOf(booted, pages), failing);
  }

  static sessionsOf({ url, clock }: BootedApp, pages: PageOptions = {}): PageSessions {
    return createPageSessions({ apiUrl: url, now: () => clock.now(), ...pages });
  }

  async login(sessions = this.sessions): Promise<void> {
    const visitor = await this.visit(sessions);
    await visitor.fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'u1', payload: { plan: 'gold' } }),
    });
    await this.keep(visitor);
    this.traffic.forget();
  }

  async request(init: RequestInit = {}): Promise<Request> {
    const headers = new Headers(init.headers);
    const cookie = await this.browser.jar.getCookieString(SITE);
    if (cookie !== '') headers.set('cookie', cookie);
    return new Request(SITE, { ...init, headers });
  }

  async visit(sessions = this.sessions): Promise<Visitor> {
    return sessions.handle(await this.request());
  }

  /** The page server answers. */
  async keep(visitor: Visitor): Promise<void> {
    const answer = visitor.answer(new Response('page'));
    for (const line of answer.headers.getSetCookie()) await this.browser.jar.setCookie(line, SITE);
  }

  expireAccessTokens(): void {
    this.booted.clock.advanceMs(3_601_000);
  }

  /** Waits until the arrivals of tokens are noted. */
  settle(): Promise<void> {
    return this.booted.app.get(ArrivalQueue).flush();
  }

  /** The thefts from now on. */
  thefts(): readonly object[] {
    const thefts: object[] = [];
    this.booted.app.get(SessionEventBus).on('theftDetected', (event) => void thefts.push(event));
    return thefts;
  }

  refreshes(): number[] {
    return this.traffic.refreshes.map(({ status }) => status);
  }

  /** What the API answered where its keys were asked for. */
  keys(): number[] {
    return this.traffic.to('/auth/jwt/jwks.json').map(({ status }) => status);
  }

  /** The id of the key that has signed the browser's access token. */
  async kid(): Promise<string | undefined> {
    const token = await this.browser.cookie('__Host-sAccessToken');
    return decodeProtectedHeader(token ?? '').kid;
  }
}

describe('the sessions of a page server', () => {
  let site: Site;
  afterEach(() => site.booted.close());
  const threeRequests = () => Promise.all([site.request(), site.request(), site.request()]);

  async function openLate(): Promise<void> {
    site = await Site.open();
    await site.login();
    site.expireAccessTokens();
  }

  it.each(platforms)(
    'are those of its visitors: login, pages, refresh, sign-out on %s',
    async (platform) => {
      site = await Site.open({ platform });
      await site.login();
      const visitor = await site.visit();
      expect(visitor.claims).toMatchObject({ sub: 'u1', tId: 'public', plan: 'gold' });
      expect(await (await visitor.fetch('/me')).json()).toEqual({ userId: 'u1' });
      expect(visitor.setCookie).toEqual([]);

      site.expireAccessTokens();
      const late = await site.visit();
      expect(late.claims?.sub).toBe('u1');
      expect(site.refreshes()).toEqual([200]);
      expect(await (await late.fetch('/me', { method: 'POST' })).json()).toEqual({ userId: 'u1' });
      expect(late.setCookie).toHaveLength(2);
      await site.keep(late);
      expect(await site.browser.jar.getCookieString(SITE)).toBe(late.cookie);

      const last = await site.visit();
      await last.fetch('/auth/signout', { method: 'POST' });
      expect([last.claims, last.cookie]).toEqual([undefined, '']);
      await site.keep(last);
      expect((await site.visit()).claims).toBeUndefined();
    },
  );

  it('ask nothing of the API for a guest', async () => {
    site = await Site.open();
    const visitor = await site.visit();
    expect([visitor.claims, visitor.setCookie, visitor.cookie]).toEqual([undefined, [], '']);
    expect((await visitor.fetch('/me')).status).toBe(401);
    expect(site.refreshes()).toEqual([]);
  });

  it('survive three renders at once, with one refresh', async () => {
    site = await Site.open();
    const thefts = site.thefts();
    await site.login();
    for (let rounds = 1; rounds <= 3; rounds += 1) {
      site.expireAccessTokens();
      const renders = await Promise.all([site.visit(), site.visit(), site.visit()]);
      expect(site.refreshes()).toHaveLength(rounds);
      const statuses = renders.map(async (each) => (await each.fetch('/me')).status);
      expect(await Promise.all(statuses)).toEqual([200, 200, 200]);
      for (const each of renders) await site.keep(each);
    }
    expect(thefts).toEqual([]);
  });

  it('refresh once where several calls are refused, also without a grace period', async () => {
    site = await Site.open({ sessions: { refreshGracePeriod: 0 } });
    const thefts = site.thefts();
    await site.login();
    const visitor = await site.visit();
    const kid = (await site.kid()) ?? '';
    await site.booted.app.get(SessionService).revokeKey(kid);
    let release = (): void => undefined;
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    const { fetch: ask } = globalThis;
    const asking = vi.spyOn(globalThis, 'fetch');
    onTestFinished(() => asking.mockRestore());
    asking.mockImplementationOnce(async (...given) => {
      const answer = await ask(...given);
      await isReleased;
      return answer;
    });
    const late = visitor.fetch('/payload');
    expect((await visitor.fetch('/me')).status).toBe(200);
    release();
    expect([(await late).status, site.refreshes(), thefts]).toEqual([200, [200], []]);
  });

  describe('survive an answer that never reaches the browser, however late it comes back', () => {
    it.each<[string, (lost: Visitor) => Promise<{ readonly status: number }>]>([
      ['the page calls the API', (lost) => lost.fetch('/me')],
      ['a component calls it', (lost) => fetch(`${site.booted.url}/me`, { headers: lost.headers })],
      [
        'a component asks for its visitor, and calls it',
        async ({ headers }) => {
          const visitor = await site.sessions.handle({ headers }, { refresh: false });
          const { status } = await visitor.fetch('/me');
          return { status };
        },
      ],
      [
        'the API asks for another refresh',
        async (lost) => {
          site.expireAccessTokens();
          const { status } = await lost.fetch('/me');
          expect(site.refreshes()).toEqual([200, 200]);
          return { status: Math.max(status, (await lost.fetch('/me')).status) };
        },
      ],
    ])('where %s', async (_, use) => {
      await openLate();
      const thefts = site.thefts();
      expect((await use(await site.visit())).status).toBe(200);
      await site.settle();
      site.booted.clock.advanceMs(86_400_000);
      expect([(await site.visit()).claims?.sub, thefts]).toEqual(['u1', []]);
    });

    it('where the API asks for a refresh in the middle of a component', async () => {
      await openLate();
      const thefts = site.thefts();
      const { headers } = await site.visit();
      const component = await site.sessions.handle({ headers });
      site.expireAccessTokens();
      expect([(await component.fetch('/me')).status, site.refreshes()]).toEqual([401, [200]]);
      site.booted.clock.advanceMs(86_400_000);
      expect([(await site.visit()).claims?.sub, thefts]).toEqual(['u1', []]);
    });

    it('and a thief is found out by the first request of a browser that has got it', async () => {
      await openLate();
      const thefts = site.thefts();
      const stolen = await site.request();
      const visitor = await site.visit();
      await visitor.fetch('/me');
      await site.keep(visitor);
      expect((await (await site.visit()).fetch('/me')).status).toBe(200);
      await site.settle();
      site.booted.clock.advanceMs(60_000);
      expect((await site.sessions.handle(stolen)).claims).toBeUndefined();
      expect(thefts).toHaveLength(1);
    });

    it('and a browser confirms also by a token that shows later changes of the row', async () => {
      await openLate();
      const visitor = await site.visit();
      const service = site.booted.app.get(SessionService);
      const [handle = ''] = await service.getAllSessionHandlesForUser('u1');
      await service.mergeIntoAccessTokenPayload(handle, { plan: 'free' });
      expect((await visitor.fetch('/checked')).status).toBe(200);
      await site.settle();
      const confirmedAtMs = async () =>
        (await site.booted.app.get(SessionStore).find(handle))?.confirmedAtMs;
      expect(await confirmedAtMs()).toBeNull();
      await site.keep(visitor);
      const next = await site.visit();
      expect([next.claims?.['plan'], (await next.fetch('/me')).status]).toEqual(['free', 200]);
      await site.settle();
      expect(await confirmedAtMs()).toBe(site.booted.clock.now());
    });

    it('and a thief who says the same as a page server is found out if a page could not take so long', async () => {
      await openLate();
      const thefts = site.thefts();
      const { headers } = await site.sessions.handle(await site.request());
      site.booted.clock.advanceMs(300_001);
      expect((await fetch(`${site.booted.url}/me`, { headers })).status).toBe(200);
      await site.settle();
      site.booted.clock.advanceMs(60_000);
      site.expireAccessTokens();
      expect((await site.visit()).claims).toBeUndefined();
      expect(thefts).toHaveLength(1);
    });
  });

  it('are those of a login in the middle of a page, also where that is refreshed', async () => {
    await openLate();
    const visitor = await site.visit();
    await visitor.fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'u2' }),
    });
    for (let rounds = 0; rounds < 2; rounds += 1) {
      site.expireAccessTokens();
      expect(await (await visitor.fetch('/me')).json()).toEqual({ userId: 'u2' });
    }
  });

  it('survive renders on several page servers at once', async () => {
    site = await Site.open();
    await site.login();
    const servers = [1, 2, 3].map(() => Site.sessionsOf(site.booted));
    for (let rounds = 0; rounds < 3; rounds += 1) {
      site.expireAccessTokens();
      const renders = await Promise.all(servers.map((server) => site.visit(server)));
      for (const each of renders) {
        expect((await each.fetch('/me')).status).toBe(200);
        await site.keep(each);
      }
    }
    expect((await site.visit()).claims?.sub).toBe('u1');
  });

  it('go on where the API removes the cookies of an older domain', async () => {
    const cookie = { domain: 'example.com', olderDomain: 'www.example.com' };
    site = await Site.open({ sessions: { cookie } }, SHARED);
    await site.login();
    site.expireAccessTokens();
    const late = await site.visit();
    expect(late.claims?.sub).toBe('u1');
    // A framework that keeps one cookie of a name takes the last line.
    expect(late.setCookie.map(withoutValue)).toEqual([
      '__Secure-sAccessToken, Domain=www.example.com, Max-Age=0',
      '__Secure-sRefreshToken, Domain=www.example.com, Max-Age=0',
      '__Secure-sAccessToken, Domain=example.com',
      '__Secure-sRefreshToken, Domain=example.com',
    ]);
    await site.keep(late);
    expect(await site.browser.jar.getCookieString(SITE)).toBe(late.cookie);
    expect((await site.visit()).claims?.sub).toBe('u1');

    await late.fetch('/auth/signout', { method: 'POST' });
    expect([late.claims, late.cookie, late.setCookie.length]).toEqual([undefined, '', 4]);
    await site.keep(late);
    expect(await site.browser.jar.getCookieString(SITE)).toBe('');
  });

  it('go on where the API removes what a sibling host has set under their names', async () => {
    site = await Site.open({ sessions: { cookie: { domain: 'example.com' } } }, SHARED);
    await site.login();
    for (const name of ['sAccessToken', 'sRefreshToken']) {
      await site.browser.jar.setCookie(`__Secure-${name}=planted; Secure; Path=/`, SITE);
    }
    const visitor = await site.visit();
    expect([visitor.claims?.sub, site.refreshes()]).toEqual(['u1', [200]]);
    await site.keep(visitor);
    expect(await site.browser.jar.getCookieString(SITE)).toBe(visitor.cookie);
    expect(visitor.cookie).not.toContain('planted');
  });

  it('take of one cookie what an answer says last', async () => {
    site = await Site.open();
    const visitor = await site.visit();
    await visitor.fetch('/theme');
    expect(visitor.cookie).toBe('theme=light');
    expect(visitor.setCookie).toEqual(['size=; Path=/; Max-Age=0', 'theme=light; Path=/']);
  });

  it('are refreshed in the middle of a page, where the API asks for it', async () => {
    site = await Site.open();
    await site.login();
    const visitor = await site.visit();
    site.expireAccessTokens();
    expect((await visitor.fetch('/me', { method: 'POST' })).status).toBe(201);
    expect([site.refreshes(), visitor.setCookie.length]).toEqual([[200], 2]);
    expect(visitor.claims?.sub).toBe('u1');
  });

  it('end with what the API says, and the browser forgets them', async () => {
    site = await Site.open();
    await site.login();
    const { claims } = await site.visit();
    await site.booted.app.get(SessionService).revokeSession(claims?.sessionHandle ?? '');
    await site.booted.app.get(RevocationFeed).poll();
    const visitor = await site.visit();
    expect((await visitor.fetch('/me')).status).toBe(401);
    expect([visitor.claims, visitor.cookie]).toEqual([undefined, '']);
    await site.keep(visitor);
    expect(await site.browser.jar.getCookieString(SITE)).toBe('');
  });

  it('begin with a login that redirects, whose answer the page passes on', async () => {
    site = await Site.open();
    await site.login();
    const before = await site.visit();
    const login: RequestInit = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'u2' }),
    };
    const visitor = await site.visit();
    const answer = visitor.answer(await visitor.fetch('/sign-in-and-go', login));
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/me']);
    expect([visitor.claims?.sub, visitor.setCookie.length]).toEqual(['u2', 2]);
    expect(site.traffic.to('/me')).toEqual([]);
    for (const line of visitor.setCookie) expect(answer.headers.getSetCookie()).toContain(line);
    await site.keep(visitor);
    expect(await (await (await site.visit()).fetch('/me')).json()).toEqual({ userId: 'u2' });
    expect((await before.fetch('/me')).status).toBe(401);
  });

  it('follow a redirect if they are told to', async () => {
    site = await Site.open();
    await site.login();
    const init: RequestInit = { redirect: 'follow', method: 'POST' };
    const answer = await (await site.visit()).fetch('/go', init);
    expect([answer.redirected, await answer.json()]).toEqual([true, { userId: 'u1' }]);
  });

  it('leave the answers of logins alone', async () => {
    site = await Site.open();
    await site.login();
    const visitor = await site.visit();
    for (const path of ['/sign-in', '/sign-in-by-hand']) {
      expect((await visitor.fetch(path, { method: 'POST' })).status).toBe(401);
    }
    expect(site.booted.app.get(OtherApi).passwords).toBe(2);
    expect(site.refreshes()).toEqual([]);
  });

  it('show the header that `VIA_CUSTOM_HEADER` asks for, and who the visitor is', async () => {
    site = await Site.open({ sessions: { antiCsrf: 'VIA_CUSTOM_HEADER' } });
    await site.login();
    site.expireAccessTokens();
    const headers = { 'user-agent': 'Firefox', 'x-forwarded-for': '192.0.2.1', 'x-other': '1' };
    const visitor = await site.sessions.handle(await site.request({ headers }));
    expect((await visitor.fetch('/me', { method: 'POST' })).status).toBe(201);
    const seen = (await (await visitor.fetch('/seen')).json()) as object;
    expect(seen).toMatchObject({ 'user-agent': 'Firefox', 'x-forwarded-for': '192.0.2.1' });
    expect(seen).not.toHaveProperty('x-other');
  });

  it('say that `VIA_TOKEN` keeps a page server from refreshing, instead of making guests', async () => {
    site = await Site.open({ sessions: { antiCsrf: 'VIA_TOKEN' } });
    await site.login();
    const visitor = await site.visit();
    expect((await visitor.fetch('/me')).status).toBe(200);
    const message = 'no page server can refresh with `antiCsrf` VIA_TOKEN';
    await expect(visitor.fetch('/me', { method: 'POST' })).rejects.toThrow(message);
    site.expireAccessTokens();
    await expect(site.visit()).rejects.toThrow(message);
    const component = await site.sessions.handle(await site.request(), { refresh: false });
    expect([component.claims, component.setCookie]).toEqual([undefined, []]);
  });

  it('go on once the API has given `VIA_TOKEN` up', async () => {
    const database = await createTestDatabase('sqlite');
    onTestFinished(() => database.drop());
    const shared = { database: database.options } as BootOptions;
    const strict = await Site.open({ ...shared, sessions: { antiCsrf: 'VIA_TOKEN' } });
    await strict.login();
    strict.expireAccessTokens();
    await strict.booted.close();
    site = await Site.open({ ...shared, clock: strict.booted.clock });
    expect((await strict.visit(site.sessions)).claims?.sub).toBe('u1');
  });

  it('take the request of Express or Node as well', async () => {
    site = await Site.open();
    await site.login();
    const { headers } = await site.request();
    const visitor = await site.sessions.handle({
      method: 'GET',
      headers: { cookie: headers.get('cookie') ?? '' },
    });
    expect(visitor.claims?.sub).toBe('u1');
  });

  it('are good where the keys are RSA keys', async () => {
    site = await Site.open({ sessions: { signing: { algorithm: 'RS256' } } });
    await site.login();
    expect((await site.visit()).claims?.sub).toBe('u1');
  });

  it('go on with the cookies of an older domain, whose prefix is named too', async () => {
    site = await Site.open(
      { sessions: { cookie: { olderDomain: 'example.com' } } },
      { cookiePrefixes: ['__Host-', '__Secure-'] },
    );
    await site.login();
    const older = (await site.visit()).cookie.replaceAll('__Host-', '__Secure-');
    site.expireAccessTokens();
    const visitor = await site.sessions.handle({ headers: { cookie: older } });
    expect([visitor.claims?.sub, site.refreshes()]).toEqual(['u1', [200]]);
    expect(visitor.cookie).toMatch(/^__Host-sAccessToken=[^;]+; __Host-sRefreshToken=[^;]+$/);
  });

  it('are found under names, prefixes and a path of their own', async () => {
    const cookieNames = { accessToken: 'shopAccess', refreshToken: 'shopRefresh' };
    site = await Site.open({
      sessions: { cookie: { names: cookieNames }, apiBasePath: '/api/auth' },
    });
    const { url, clock } = site.booted;
    const now = () => clock.now();
    const sessions = createPageSessions({ apiUrl: url, basePath: '/api/auth', cookieNames, now });
    await site.login();
    site.expireAccessTokens();
    expect((await site.visit(sessions)).claims?.sub).toBe('u1');
  });

  describe("are nobody's", () => {
    const signedWithOurKey = async (payload: object): Promise<string> => {
      const made = await site.booted.app.get(SessionService).createJWT(payload, 3600, false);
      return made.jwt;
    };
    const handle = (cookie: string) =>
      site.sessions.handle(new Request(SITE, { headers: { cookie } }));

    it('by a token that nobody has signed, or another than of a session', async () => {
      site = await Site.open();
      await site.login();
      const { cookie } = await site.visit();
      const [, access = ''] = /sAccessToken=([^;]+)/.exec(cookie) ?? [];
      const [head, , signature] = access.split('.');
      const forged = Buffer.from(JSON.stringify({ sub: 'admin', exp: 9e9 })).toString('base64url');
      for (const token of [
        `${head}.${forged}.${signature}`,
        `${access}x`,
        access.slice(0, -3),
        await signedWithOurKey({ sub: 'admin', sessionHandle: 'h', tId: 'public' }),
      ]) {
        expect((await handle(`__Host-sAccessToken=${token}`)).claims).toBeUndefined();
      }
    });

    it.each([
      '__Host-sAccessToken=',
      '__Host-sAccessToken=a.b.c',
      '__Host-sAccessToken=..',
      '__Host-sAccessToken=bnVsbA.bnVsbA.bnVsbA',
      '__Host-sAccessToken; __Host-sRefreshToken; =; ;;',
      `__Host-sRefreshToken=${'x'.repeat(5000)}`,
      '__Host-sAccessToken=\u00e4\u00f6',
      `__Host-sAccessToken=${'.'.repeat(9000)}`,
    ])('by garbage: %s', async (cookie) => {
      site = await Site.open();
      expect((await handle(cookie)).claims).toBeUndefined();
    });

    it('by two tokens of one name, which a sibling host may have set', async () => {
      site = await Site.open();
      await site.login();
      const { cookie } = await site.visit();
      const [, access = ''] = /(sAccessToken=[^;]+)/.exec(cookie) ?? [];
      const [, other = ''] = /(sAccessToken=[^;]+)/.exec((await loggedInAgain()).cookie) ?? [];
      const shared = Site.sessionsOf(site.booted, SHARED);
      const of = async (sessions: PageSessions, text: string) =>
        (await sessions.handle(new Request(SITE, { headers: { cookie: text } }))).claims?.sub;
      expect(await of(shared, `__Secure-${access}`)).toBe('u1');
      expect(await of(shared, `__Secure-${other}; __Secure-${access}`)).toBeUndefined();
      expect(await of(site.sessions, `${other}; ${access}`)).toBeUndefined();
      // What only the host itself can set comes first.
      const moving = Site.sessionsOf(site.booted, { cookiePrefixes: ['__Host-', '__Secure-'] });
      expect(await of(moving, `__Secure-${other}; __Host-${access}`)).toBe('u1');
    });

    it.each(['', '__Secure-'])(
      "by another session's cookies, which a sibling host has set with the prefix '%s'",
      async (prefix) => {
        site = await Site.open();
        const { cookie } = await loggedInAgain();
        const planted = cookie.replaceAll('__Host-', prefix);
        const headers = { cookie: planted, host: 'www.example.com' };
        expect((await site.sessions.handle({ headers })).claims).toBeUndefined();
        site.expireAccessTokens();
        expect((await site.sessions.handle({ headers })).claims).toBeUndefined();
        expect(site.refreshes()).toEqual([]);
      },
    );

    it.each<[string, Record<string, string>, boolean]>([
      ['localhost', { host: 'localhost:3000' }, true],
      ['an address of this machine', { host: '127.0.0.1' }, true],
      ['its own page', { host: 'app.localhost', origin: 'http://app.localhost' }, true],
      ['localhost over HTTP/2', { ':authority': 'localhost:3000' }, true],
      ['another host', { host: 'www.example.com' }, false],
      ['a proxy', { host: 'localhost:3000', forwarded: 'host=www.example.com' }, false],
      ['a proxy for TLS', { host: 'localhost', 'x-forwarded-proto': 'https' }, false],
      ['a proxy of another host', { host: 'localhost', 'x-forwarded-host': 'example.com' }, false],
      ['a page elsewhere', { host: 'localhost', referer: 'https://www.example.com/' }, false],
    ])('by one without a prefix, but in development on a plain loopback: %s', async (...row) => {
      const [, told, isDevelopment] = row;
      site = await Site.open();
      await site.login();
      const cookie = (await site.visit()).cookie.replaceAll('__Host-', '');
      const headers = { ...told, cookie };
      const found = (await site.sessions.handle({ headers })).claims?.sub;
      expect(found).toBe(isDevelopment ? 'u1' : undefined);
      // In production, a proxy in front of a public site may name its own machine.
      vi.stubEnv('NODE_ENV', 'production');
      const sessions = Site.sessionsOf(site.booted);
      vi.unstubAllEnvs();
      expect((await sessions.handle({ headers })).claims).toBeUndefined();
    });

    async function loggedInAgain(): Promise<Visitor> {
      const guest = await site.sessions.handle(new Request(SITE));
      await guest.fetch('/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ userId: 'evil' }),
      });
      return guest;
    }

    it("where another site's page has sent a form", async () => {
      site = await Site.open();
      await site.login();
      const headers = { 'sec-fetch-site': 'cross-site' };
      const form = await site.sessions.handle(await site.request({ method: 'POST', headers }));
      expect([form.claims, form.cookie]).toEqual([undefined, '']);
      expect((await form.fetch('/me', { method: 'POST' })).status).toBe(401);
      const link = await site.sessions.handle(await site.request({ headers }));
      expect(link.claims?.sub).toBe('u1');
    });

    // What a browser says of the page whose form it sends, and whether the page server acts for the visitor.
    const own = 'https://www.example.com';
    const sibling = 'https://evil.example.com';
    it.each<[string, Record<string, string>, boolean]>([
      ['a sibling subdomain', { origin: sibling, 'sec-fetch-site': 'same-site' }, false],
      ['a sibling, by an older browser', { origin: sibling, host: 'www.example.com' }, false],
      ['a sandboxed page, by an older browser', { origin: 'null', host: 'www.example.com' }, false],
      ['a forged plain page', { origin: 'http://www.example.com', host: 'www.example.com' }, false],
      ['an origin, where no host is named', { origin: own }, false],
      [
        'a trusted origin',
        { origin: 'https://app.example.com', 'sec-fetch-site': 'same-site' },
        true,
      ],
      ['a trusted origin, by an older browser', { origin: 'https://app.example.com' }, true],
      ['its own page', { origin: own, 'sec-fetch-site': 'same-origin' }, true],
      [
        'its own page behind another host',
        { origin: own, host: 'pages', 'sec-fetch-site': 'same-origin' },
        true,
      ],
      ['its own page, by an older browser', { origin: own, host: 'www.example.com' }, true],
      [
        'its own page, behind a proxy with the port',
        { origin: own, host: 'www.example.com:443' },
        true,
      ],
      ['its own page over HTTP/2', { origin: own, ':authority': 'www.example.com' }, true],
      ['the visitor, by no page', { 'sec-fetch-site': 'none' }, true],
      ['no browser', { host: 'www.example.com' }, true],
    ])('unless a form may act for them: %s', async (_from, told, mayAct) => {
      site = await Site.open({ sessions: { trustSameSite: false } });
      await site.login();
      const { url, clock } = site.booted;
      const trustedOrigins = ['https://app.example.com'];
      const sessions = createPageSessions({ apiUrl: url, trustedOrigins, now: () => clock.now() });
      const { headers } = await site.request();
      const cookie = headers.get('cookie') ?? '';
      const form = await sessions.handle({ method: 'POST', headers: { ...told, cookie } });
      expect([form.claims?.sub, form.cookie]).toEqual(mayAct ? ['u1', cookie] : [undefined, '']);
      expect((await form.fetch('/me', { method: 'POST' })).status).toBe(mayAct ? 201 : 401);
    });

    it('unless a form is of their own plain page, where cookies are not secure', async () => {
      site = await Site.open({ sessions: { cookie: { secure: false } } }, { cookiePrefixes: [''] });
      await site.login();
      const { headers } = await site.request();
      const cookie = headers.get('cookie') ?? '';
      for (const [origin, sub] of [
        ['http://10.0.0.5:3000', 'u1'],
        ['http://10.0.0.5:4000', undefined],
      ] as const) {
        const told = { origin, host: '10.0.0.5:3000', cookie };
        const form = await site.sessions.handle({ method: 'POST', headers: told });
        expect(form.claims?.sub).toBe(sub);
      }
    });
  });

  it('are not taken from anybody by an outage', async () => {
    site = await Site.open();
    await site.login();
    site.expireAccessTokens();
    await site.booted.dataSource.destroy();
    await expect(site.visit()).rejects.toThrow('the API of the sessions answered 503');
    const gone = createPageSessions({ apiUrl: 'http://127.0.0.1:1' });
    await expect(gone.handle(await site.request())).rejects.toThrow('fetch failed');
  });

  it.each<[string, Failing]>([
    ['404', { status: 404 }],
    ['403', { status: 403 }],
    ['a redirect', { status: 301, headers: { location: '/' } }],
    ['200 and a page of its own', { status: 200 }],
  ])(
    'are not taken from anybody where a proxy answers %s in place of the API',
    async (_, proxy) => {
      await openLate();
      Object.assign(site.failing, proxy, { path: '/auth/session/refresh' });
      await expect(site.visit()).rejects.toThrow(
        `the API of the sessions answered ${proxy.status}`,
      );
      delete site.failing.path;
      expect((await site.visit()).claims?.sub).toBe('u1');
    },
  );

  it('are not taken from anybody by a limit of refreshes: it throws', async () => {
    const rateLimit = { refreshes: { max: 1, per: '1d' } } as const;
    site = await Site.open({ sessions: { rateLimit } });
    await site.login();
    site.expireAccessTokens();
    await site.keep(await site.visit());
    site.expireAccessTokens();
    await expect(site.visit()).rejects.toThrow('the API of the sessions answered 429');
  });

  it.each<[string, BootOptions]>([
    ['the status of `sessionExpiredStatusCode`', { sessions: { sessionExpiredStatusCode: 440 } }],
    ['a filter of its own', { providers: [{ provide: APP_FILTER, useClass: OwnWords }] }],
    [
      'both',
      {
        sessions: { sessionExpiredStatusCode: 440 },
        providers: [{ provide: APP_FILTER, useClass: OwnWords }],
      },
    ],
  ])('end where the API refuses their refresh by %s', async (_, options) => {
    site = await Site.open(options);
    await site.login();
    await site.booted.app.get(SessionService).revokeEverything();
    site.expireAccessTokens();
    const visitor = await site.visit();
    expect([visitor.claims, visitor.cookie]).toEqual([undefined, '']);
  });

  it('lose a cookie of before `partitioned` beside the first new one', async () => {
    const cookie = { sameSite: 'none', partitioned: true } as const;
    site = await Site.open({ sessions: { cookie, antiCsrf: 'VIA_CUSTOM_HEADER' } });
    await site.login();
    site.expireAccessTokens();
    const { setCookie } = await site.visit();
    const lines = setCookie.filter((line) => line.startsWith('__Host-sRefreshToken='));
    expect(lines.map((line) => [/=;/.test(line), line.includes('Partitioned')])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('are those of a login that crosses a page, which shows a guest and changes no cookie', async () => {
    await openLate();
    const page = await site.request();
    const form = await site.visit();
    await form.fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'u2' }),
    });
    const crossing = await site.sessions.handle(page);
    expect([crossing.claims, crossing.setCookie]).toEqual([undefined, []]);
    expect(site.refreshes()).toEqual([200, 503]);
    await site.keep(form);
    expect((await site.visit()).claims?.sub).toBe('u2');
  });

  it('have no call of the API kept by a `fetch` that shares results between users', async () => {
    await openLate();
    const asking = vi.spyOn(globalThis, 'fetch');
    onTestFinished(() => asking.mockRestore());
    const visitor = await site.visit(Site.sessionsOf(site.booted));
    await visitor.fetch('/me');
    const paths = ['/auth/session/refresh', '/auth/jwt/jwks.json', '/me'];
    expect(asking.mock.calls).toEqual(
      paths.map((path) => [site.booted.url + path, expect.objectContaining({ cache: 'no-store' })]),
    );
  });

  it.each([
    ['', 'auth'],
    ['/', '/auth/'],
    ['//', 'api/auth'],
    ['/', ''],
  ])(
    "are refreshed at the same route with and without a slash after the API's address and before its base path: '%s', '%s'",
    async (slash, basePath) => {
      site = await Site.open({ sessions: { apiBasePath: basePath } }, { basePath });
      await site.login();
      site.expireAccessTokens();
      const apiUrl = site.booted.url + slash;
      const visitor = await site.visit(Site.sessionsOf(site.booted, { apiUrl, basePath }));
      expect(visitor.claims?.sub).toBe('u1');
      expect((await visitor.fetch('/me')).status).toBe(200);
    },
  );

  describe('are found by keys of the API', () => {
    it('that all renders of a cold start wait for, with one request', async () => {
      site = await Site.open();
      await site.login();
      site.traffic.forget();
      const cold = Site.sessionsOf(site.booted);
      expect(await users(cold, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
      expect([site.keys(), site.refreshes()]).toEqual([[200], []]);
    });

    it('that all renders with a token of the next key wait for, without a refresh', async () => {
      site = await Site.open({ sessions: { signing: { rotationInterval: '1h' } } });
      await site.login();
      const sessions = Site.sessionsOf(site.booted);
      expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
      const before = await site.kid();
      // The first login after the interval has the next key made, which signs a minute later.
      for (const wait of [3_601_000, 61_000]) {
        site.booted.clock.advanceMs(wait);
        await site.login(Site.sessionsOf(site.booted));
      }
      expect(await site.kid()).not.toBe(before);
      site.traffic.forget();
      expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
      expect([site.keys(), site.refreshes()]).toEqual([[200], []]);
    });

    it('whose outage makes nobody a guest, at once or in the seconds after it', async () => {
      site = await Site.open();
      await site.login();
      site.failing.path = '/auth/jwt/jwks.json';
      const sessions = Site.sessionsOf(site.booted);
      const outage = 'Error: the API of the sessions answered 503';
      expect(await users(sessions, await threeRequests())).toEqual([outage, outage, outage]);
      site.booted.clock.advanceMs(1_000);
      expect(await users(sessions, await threeRequests())).toEqual([outage, outage, outage]);
      delete site.failing.path;
      site.booted.clock.advanceMs(1_000);
      expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
    });

    it('whose outage matters to nobody whose key is known', async () => {
      site = await Site.open();
      await site.login();
      const sessions = Site.sessionsOf(site.booted);
      await users(sessions, await threeRequests());
      site.failing.path = '/auth/jwt/jwks.json';
      site.booted.clock.advanceMs(299_000);
      expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
    });

    it('whose outage ends no visit by a known key for an hour, while they are asked for every ten seconds', async () => {
      site = await Site.open({ sessions: { accessTokenLifetime: '2h' } });
      await site.login();
      const sessions = Site.sessionsOf(site.booted);
      await users(sessions, await threeRequests());
      site.failing.path = '/auth/jwt/jwks.json';
      site.traffic.forget();
      for (const wait of [300_000, 0, 9_999, 1, 3_289_999]) {
        site.booted.clock.advanceMs(wait);
        expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
      }
      expect(site.keys()).toEqual([503, 503, 503]);
      site.booted.clock.advanceMs(1);
      const outage = 'Error: the API of the sessions answered 503';
      expect(await users(sessions, await threeRequests())).toEqual([outage, outage, outage]);
      delete site.failing.path;
      expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
    });

    it('which may never come: visitors whose key is known go on without them', async () => {
      site = await Site.open();
      await site.login();
      const sessions = Site.sessionsOf(site.booted);
      await users(sessions, await threeRequests());
      site.failing.path = '/auth/jwt/jwks.json';
      site.failing.isSilent = true;
      limitsPassFast();
      site.booted.clock.advanceMs(300_000);
      expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
      const cold = Site.sessionsOf(site.booted);
      expect(await users(cold, [await site.request()])).toEqual([
        'TimeoutError: The operation was aborted due to timeout',
      ]);
    });

    it('whose request may die with the visitor that it belongs to: the next one asks anew', async () => {
      site = await Site.open();
      await site.login();
      const sessions = Site.sessionsOf(site.booted);
      const dead = vi.spyOn(globalThis, 'fetch').mockReturnValueOnce(new Promise(() => undefined));
      onTestFinished(() => dead.mockRestore());
      sessions.handle(await site.request()).catch(() => undefined);
      await vi.waitFor(() => expect(dead).toHaveBeenCalledOnce());
      site.booted.clock.advanceMs(5_000);
      expect(await users(sessions, await threeRequests())).toEqual(['u1', 'u1', 'u1']);
      expect(dead).toHaveBeenCalledTimes(2);
    });

    it('of which a late answer brings no revoked key back', async () => {
      site = await Site.open();
      await site.login();
      const sessions = Site.sessionsOf(site.booted);
      let answerLate: (answer: Response) => void = () => undefined;
      const slow = new Promise<Response>((resolve) => (answerLate = resolve));
      const { keys } = (await (await fetch(`${site.booted.url}/auth/jwt/jwks.json`)).json()) as {
        keys: object[];
      };
      const asked = vi
        .spyOn(globalThis, 'fetch')
        .mockReturnValueOnce(slow)
        .mockResolvedValueOnce(Response.json({ keys: [] }));
      onTestFinished(() => asked.mockRestore());
      const first = users(sessions, [await site.request()]);
      await vi.waitFor(() => expect(asked).toHaveBeenCalledOnce());
      site.booted.clock.advanceMs(5_000);
      expect(await users(sessions, [await site.request()])).toEqual(['guest']);
      answerLate(Response.json({ keys }));
      expect(await first).toEqual(['guest']);
    });

    it('are asked for also after the clock has gone back', async () => {
      site = await Site.open();
      await site.login();
      let nowMs = site.booted.clock.now();
      const sessions = Site.sessionsOf(site.booted, { now: () => nowMs });
      expect(await users(sessions, [await site.request()])).toEqual(['u1']);
      await site.booted.app.get(SessionService).revokeKey((await site.kid()) ?? '');
      nowMs -= 600_000;
      expect(await users(sessions, [await site.request()])).toEqual(['guest']);
      expect(site.keys()).toEqual([200, 200]);
    });

    it('which a made-up key id can have asked for once in ten seconds', async () => {
      site = await Site.open();
      await site.login();
      const head = { typ: 'at+jwt', kid: 'd-0123456789abcdef' };
      const [first, second] = [head, { exp: 9e9 }].map((part) =>
        Buffer.from(JSON.stringify(part)).toString('base64url'),
      );
      const headers = { cookie: `__Host-sAccessToken=${first}.${second}.AAAA` };
      const forged = () => new Request(SITE, { headers });
      const sessions = Site.sessionsOf(site.booted);
      site.traffic.forget();
      for (const wait of [0, 0, 9_999, 1]) {
        site.booted.clock.advanceMs(wait);
        expect(await users(sessions, [forged(), forged()])).toEqual(['guest', 'guest']);
      }
      expect(site.keys()).toEqual([200, 200]);
    });
  });

  describe('whose refresh', () => {
    const timedOut = ['TimeoutError: The operation was aborted due to timeout'];
    const outage = ['Error: the API of the sessions answered 503'];

    async function visit(): Promise<string[]> {
      return users(site.sessions, [await site.request()], true);
    }

    it('may die with the visitor that it belongs to: others wait by their own time, then ask anew', async () => {
      await openLate();
      const sent = vi.spyOn(globalThis, 'fetch').mockReturnValueOnce(new Promise(() => undefined));
      onTestFinished(() => sent.mockRestore());
      site.sessions.handle(await site.request()).catch(() => undefined);
      await vi.waitFor(() => expect(sent).toHaveBeenCalledOnce());
      site.booted.clock.advanceMs(4_999);
      const timeout = AbortSignal.timeout(0);
      const limit = vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(timeout);
      onTestFinished(() => limit.mockRestore());
      expect(await visit()).toEqual(timedOut);
      site.booted.clock.advanceMs(1);
      const three = ['u1', 'u1', 'u1'];
      expect(await users(site.sessions, await threeRequests(), true)).toEqual(three);
      expect(site.refreshes()).toEqual([200]);
    });

    it('may die before the clock goes back: the next one is sent', async () => {
      await openLate();
      site.expireAccessTokens();
      let nowMs = site.booted.clock.now();
      const sessions = Site.sessionsOf(site.booted, { now: () => nowMs });
      const sent = vi.spyOn(globalThis, 'fetch').mockReturnValueOnce(new Promise(() => undefined));
      onTestFinished(() => sent.mockRestore());
      sessions.handle(await site.request()).catch(() => undefined);
      await vi.waitFor(() => expect(sent).toHaveBeenCalledOnce());
      nowMs -= 600_000;
      expect(await users(sessions, [await site.request()], true)).toEqual(['u1']);
    });

    it('ends late: the renders after it share the next one', async () => {
      await openLate();
      const answers: ((answer: Response) => void)[] = [];
      const sent = vi
        .spyOn(globalThis, 'fetch')
        .mockImplementation(() => new Promise((resolve) => answers.push(resolve)));
      onTestFinished(() => sent.mockRestore());
      const late = visit();
      await vi.waitFor(() => expect(answers).toHaveLength(1));
      site.booted.clock.advanceMs(5_000);
      const next = visit();
      await vi.waitFor(() => expect(answers).toHaveLength(2));
      answers[0]?.(new Response(null, { status: 503 }));
      expect(await late).toEqual(outage);
      const render = visit();
      await new Promise((resolve) => setImmediate(resolve));
      answers[1]?.(new Response(null, { status: 503 }));
      expect(await Promise.all([next, render])).toEqual([outage, outage]);
      expect(answers).toHaveLength(2);
    });

    it('is never answered: it fails by its limit, and the next one is sent', async () => {
      await openLate();
      site.failing.path = '/auth/session/refresh';
      site.failing.isSilent = true;
      limitsPassFast();
      expect(await visit()).toEqual(timedOut);
      vi.mocked(AbortSignal.timeout).mockRestore();
      delete site.failing.path;
      expect(await visit()).toEqual(['u1']);
    });
  });

  it('send cookies to the API alone', async () => {
    site = await Site.open();
    await site.login();
    const visitor = await site.visit();
    for (const path of ['@evil.example/', 'http://evil.example/', '', '.evil.example']) {
      await expect(visitor.fetch(path)).rejects.toThrow('must begin with a slash');
    }
  });

  it('reach the code behind a middleware in the headers of its request', async () => {
    site = await Site.open();
    await site.login();
    site.expireAccessTokens();
    const request = await site.request({ headers: { 'x-test': 'kept' } });
    const visitor = await site.sessions.handle(request);
    expect(site.refreshes()).toEqual([200]);
    expect(visitor.headers.get('x-test')).toBe('kept');
    expect(visitor.headers.get('cookie')).toBe(visitor.cookie);
    // A component behind the middleware asks again, and finds the visitor without a refresh.
    const again = await site.sessions.handle({ headers: visitor.headers });
    expect([again.claims?.sub, site.refreshes()]).toEqual(['u1', [200]]);
  });

  it('are not refreshed where no cookie can be set', async () => {
    site = await Site.open();
    await site.login();
    site.expireAccessTokens();
    const visitor = await site.sessions.handle(await site.request(), { refresh: false });
    expect(visitor.claims).toBeUndefined();
    expect((await visitor.fetch('/me')).status).toBe(401);
    expect([visitor.setCookie, site.refreshes()]).toEqual([[], []]);
    expect((await site.visit()).claims?.sub).toBe('u1');
  });

  it('are found once for a request, however often it is handled', async () => {
    site = await Site.open();
    await site.login();
    site.expireAccessTokens();
    const request = await site.request();
    const [first, second] = await Promise.all([
      site.sessions.handle(request),
      site.sessions.handle(request),
    ]);
    expect(second).toBe(first);
    expect(await site.sessions.handle(request)).toBe(first);
    expect(site.refreshes()).toEqual([200]);
  });

  it('are found anew where the API could not answer the first time', async () => {
    site = await Site.open();
    await site.login();
    site.expireAccessTokens();
    const request = await site.request();
    await site.booted.dataSource.destroy();
    await expect(site.sessions.handle(request)).rejects.toThrow('answered 503');
    // In memory nothing is left, so the refresh finds no session.
    await site.booted.dataSource.initialize();
    expect((await site.sessions.handle(request)).claims).toBeUndefined();
  });

  it('reach it in the headers of a request of Node too, and a guest has no cookie there', async () => {
    site = await Site.open();
    const headers = { ':path': '/', host: 'a.example', accept: ['a', 'b'], cookie: undefined };
    const visitor = await site.sessions.handle({ headers });
    expect([...visitor.headers]).toEqual([
      ['accept', 'a,b'],
      ['host', 'a.example'],
    ]);
  });

  it('are added to any answer, which then no cache may keep', async () => {
    site = await Site.open();
    await site.login();
    const plain = (await site.visit()).answer(
      new Response('x', { headers: { 'cache-control': 'max-age=60' } }),
    );
    expect(plain.headers.get('cache-control')).toBe('max-age=60');
    site.expireAccessTokens();
    const answer = (await site.visit()).answer(Response.redirect(`${SITE}/next`, 303));
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${SITE}/next`]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.getSetCookie()).toHaveLength(2);
  });
});

/** The users of visits, or why there is none. */
async function users(
  sessions: PageSessions,
  requests: readonly Request[],
  refresh = false,
): Promise<string[]> {
  const visitors = requests.map((each) => sessions.handle(each, { refresh }));
  const settled = await Promise.allSettled(visitors);
  return settled.map((each) =>
    each.status === 'fulfilled' ? (each.value.claims?.sub ?? 'guest') : String(each.reason),
  );
}

/** Has the limits of requests pass a thousand times as fast. */
function limitsPassFast(): void {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  const limits = vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms / 1000));
  onTestFinished(() => limits.mockRestore());
}

/** The name of a cookie that a line sets or removes, and its Domain. */
function withoutValue(line: string): string {
  const [pair = '', ...attributes] = line.split('; ');
  const told = attributes.filter((each) => /^Domain=|^Max-Age=0$/.test(each)).toSorted();
  return [pair.slice(0, pair.indexOf('=')), ...told].join(', ');
}

describe('the visitors of a page server whose sessions are bound to their devices', () => {
  it('are guests after a link of another site, and themselves at their next request', async () => {
    const clock = new FakeClock();
    async function page(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const apiUrl = `http://127.0.0.1:${request.socket.localPort}`;
      const sessions = createPageSessions({ apiUrl, now: () => clock.now() });
      const visitor = await sessions.handle(request).catch(String);
      if (typeof visitor === 'string') return void response.writeHead(500).end(visitor);
      const { status } = await visitor.fetch('/me');
      visitor.answer(response);
      response.end(`${visitor.claims?.sub ?? 'guest'} ${status}`);
    }
    const prepare = (app: INestApplication): void => {
      app.use(
        '/page',
        (request: IncomingMessage, response: ServerResponse) => void page(request, response),
      );
    };
    const scene = await BoundScene.open('express', 'sqlite', {}, { clock, prepare });
    const browser = await scene.loggedIn();
    expect((await browser.send('GET', '/page')).text).toBe('ada 200');
    const refresh = browser.cookie(REFRESH);
    scene.passMinutes(11);
    const link = { initiator: 'https://news.example', isNavigation: true };
    const linked = await browser.send('GET', '/page', link);
    expect([linked.status, linked.text, linked.setCookies]).toEqual([200, 'guest 401', []]);
    expect([browser.cookie(ACCESS), browser.cookie(REFRESH)]).toEqual([undefined, refresh]);
    expect((await browser.send('GET', '/page')).text).toBe('ada 200');
    await scene.close();
  });
});

describe('a visitor who logs in through a page server', () => {
  it.each([
    ['Node', (visitor: Visitor, response: ServerResponse) => visitor.answer(response)],
    [
      'fetch',
      (visitor: Visitor, response: ServerResponse) => {
        const { headers } = visitor.answer(new Response());
        for (const [name, value] of headers) response.appendHeader(name, value);
      },
    ],
  ])('gets a session that is bound to the device, answered by %s', async (_, answerBy) => {
    async function page(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const apiUrl = `http://127.0.0.1:${request.socket.localPort}`;
      const visitor = await createPageSessions({ apiUrl }).handle(request);
      await visitor.fetch('/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ userId: 'ada' }),
      });
      answerBy(visitor, response);
      response.end();
    }
    const prepare = (app: INestApplication): void => {
      app.use('/form', (request: IncomingMessage, response: ServerResponse) => {
        void page(request, response);
      });
    };
    const scene = await BoundScene.open('express', 'sqlite', {}, { prepare });
    const browser = scene.browser();
    await browser.send('POST', '/form');
    expect(browser.boundSessions).toHaveLength(1);
    expect((await browser.send('GET', '/me')).text).toContain('"isBound":true');
    await scene.close();
  });
});

describe('the answers of a page server on Node', () => {
  let site: Site;
  afterEach(() => site.booted.close());

  it('get the new cookies beside its own, each once, however often it is told', async () => {
    site = await Site.open();
    await site.login();
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    response.setHeader('set-cookie', 'theme=dark');
    (await site.visit()).answer(response);
    expect(response.getHeader('set-cookie')).toBe('theme=dark');
    expect(response.getHeader('cache-control')).toBeUndefined();
    site.expireAccessTokens();
    const late = await site.visit();
    late.answer(response);
    late.answer(response);
    expect(response.getHeader('set-cookie')).toEqual(['theme=dark', ...late.setCookie]);
    expect(response.getHeader('cache-control')).toBe('no-store');
  });

  it('get each cookie of a name once, where the API removes those of an older domain', async () => {
    const cookie = { domain: 'example.com', olderDomain: 'www.example.com' };
    site = await Site.open({ sessions: { cookie } }, SHARED);
    await site.login();
    site.expireAccessTokens();
    const late = await site.visit();
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    late.answer(response);
    late.answer(response);
    expect(response.getHeader('set-cookie')).toEqual(late.setCookie);
    expect(late.setCookie).toHaveLength(4);
  });

  it('get what a later call of the API sets', async () => {
    site = await Site.open();
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const guest = await site.visit();
    guest.answer(response);
    await guest.fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'u1' }),
    });
    guest.answer(response);
    expect(response.getHeader('set-cookie')).toEqual(guest.setCookie);
    expect(guest.setCookie.length).toBeGreaterThan(0);
    await guest.fetch('/auth/signout', { method: 'POST' });
    guest.answer(response);
    expect(response.getHeader('set-cookie')).toEqual(guest.setCookie);
    expect(String(response.getHeader('set-cookie'))).not.toContain('eyJ');
  });
});

describe.each(['client', 'server'])('the entry point for a %s', (name) => {
  it('has at most 4 kB on its way', () => {
    const folder = new URL(`../../lib/${name}/`, import.meta.url);
    const sources = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));
    expect(gzipSync(plainModule(sources.join('\n'))).length).toBeLessThan(4096);
  });
});
