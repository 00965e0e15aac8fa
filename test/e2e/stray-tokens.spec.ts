import { createRequire } from 'node:module';
import { Body, Controller, Get, Post } from '@nestjs/common';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionCookieOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { Answer, HttpClient } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { LoginController } from '../support/login.controller.js';
import { QueryCounter } from '../support/query-counter.js';
import {
  ACCESS_COOKIE,
  accessCookie,
  bearer,
  bothCookies,
  frontTokenOf,
  REFRESH_COOKIE,
  refreshCookie,
  Scene,
  SceneController,
  type Headers,
  type Holder,
} from '../support/scene.js';

// As jsonwebtoken gets it.
const crypto = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
const OWN_PAGE = { 'sec-fetch-site': 'same-origin' };
const SEED = Number(process.env['STRAYS_SEED'] ?? 20_260_101);

interface Stray {
  readonly place: 'access cookie' | 'refresh cookie' | 'header';
  readonly isFirst: boolean;
  readonly make: (of: Holder) => string;
}

// What has the form of a token costs a check, and no more than eight are made.
const make = fc.constantFrom<Stray['make']>(
  () => '',
  () => 'x',
  () => 'a.b.c',
  () => '"quoted"',
  () => 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl',
  ({ access }) => `${access.slice(0, -4)}AAAA`,
  ({ access }) => access.slice(0, -1),
  ({ access }) => access.slice(0, access.lastIndexOf('.')),
  ({ access }) => `${access}.e30`,
  ({ access }) => access.replace('.', '.+'),
  ({ refresh }) => `${refresh.slice(0, -6)}AAAAAA`,
  ({ refresh }) => `${refresh}x`,
  ({ access }) => unknownKid(access),
);
const strays = fc.array(
  fc.record({
    place: fc.constantFrom<Stray['place']>('access cookie', 'refresh cookie', 'header'),
    isFirst: fc.boolean(),
    make,
  }),
  { maxLength: 6 },
);

/** Its guard looks at the request's tokens, and so does its login. */
@Controller()
@VerifySession({ sessionRequired: false })
class GuardedLoginController {
  @Post('switch')
  @CreateSession()
  switch(@Body() { userId }: { userId: string }): string {
    return userId;
  }
}

describe.each(platforms)('values that no key of ours made, on %s', (platform) => {
  const queries = new QueryCounter();
  const logs = new LogRecorder();
  let scene: Scene;
  beforeAll(async () => {
    const database = {
      type: 'better-sqlite3' as const,
      database: ':memory:',
      logger: queries,
      logging: true,
    };
    // The feed is not read meanwhile: some tests ask for no statement at all.
    const revocation = { pollInterval: '1h', maxStaleness: '1d' } as const;
    const sessions = { revocation };
    const controllers = [GuardedLoginController];
    scene = await Scene.open({ platform, database, sessions, controllers, prepare: logs.record });
  });
  afterAll(() => scene.close());
  afterEach(() => logs.clear());

  const shows: Readonly<Record<string, (holder: Holder) => Headers>> = {
    'an access cookie': ({ access }) => accessCookie(access),
    'both cookies': (holder) => bothCookies(holder),
    'a header': ({ access }) => bearer(access),
  };
  const routes = [
    'GET /me',
    'GET /optional',
    'GET /strict',
    'POST /act',
    'POST /auth/signout',
    'POST /login',
    'POST /switch',
  ];
  const logins = new Set(['POST /login', 'POST /switch']);
  const ending = new Set(['POST /auth/signout', ...logins]);

  function expected(route: string): object {
    if (logins.has(route)) return { status: 201 };
    return { status: 200, json: ending.has(route) ? { status: 'OK' } : { userId: 'u1' } };
  }

  async function call(route: string, headers: Headers): Promise<Answer> {
    const [method = '', path = ''] = route.split(' ');
    const body = logins.has(route) ? { userId: 'u1' } : undefined;
    return scene.send(method, path, { ...headers, ...OWN_PAGE }, body);
  }

  it('change no answer of any route', async () => {
    const input = [fc.constantFrom(...routes), fc.constantFrom(...Object.keys(shows)), strays];
    await fc.assert(
      fc.asyncProperty(
        ...(input as [fc.Arbitrary<string>, fc.Arbitrary<string>, typeof strays]),
        async (route, shown, added) => {
          const holder = await scene.login('u1');
          const headers = shows[shown]?.(holder) ?? {};
          const answer = await call(route, withStrays(headers, added, holder));
          expect({ status: answer.status, json: answer.json }).toMatchObject(expected(route));
          expect((await scene.sessionRow(holder.handle)) === null).toBe(ending.has(route));
        },
      ),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('make nobody of a guest, and no guest of anybody', async () => {
    const holder = await scene.login('u1');
    const statuses = new Map([
      ['GET /me', 401],
      ['GET /strict', 401],
      ['GET /optional', 200],
      ['POST /auth/signout', 200],
      ['POST /auth/session/refresh', 401],
      ['POST /login', 201],
    ]);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...statuses), strays, async ([route, status], added) => {
        // An unknown key may be a retired one of ours, whose user should refresh.
        const headers = withStrays({}, added, holder);
        const ofOldKey = unknownKid('').replace(/\.$/, '');
        const isThere = (start: string) => JSON.stringify(headers).includes(start);
        const isBearer = isThere(`Bearer ${ofOldKey}`);
        const isCookie = isThere(`${ACCESS_COOKIE}=${ofOldKey}`);
        const refreshes =
          (route === 'GET /optional' && (isBearer || isCookie)) ||
          (route === 'POST /auth/signout' &&
            (isBearer || (isCookie && !isThere(`${REFRESH_COOKIE}=`))));
        const answer = await call(route, headers);
        expect(answer.status).toBe(refreshes ? 401 : status);
        expect(answer.json ?? {}).not.toHaveProperty('userId', 'u1');
        expect(await scene.sessionRow(holder.handle)).not.toBeNull();
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it.each([1, 2])(
    'make nobody of a guest on another site’s page, %d of them alike',
    async (count) => {
      const cookie = Array.from({ length: count }, () => `${ACCESS_COOKIE}=x`).join('; ');
      const answer = await scene.post('/optional', { cookie, 'sec-fetch-site': 'cross-site' });
      expect([answer.status, answer.json]).toEqual([200, { userId: null }]);
    },
  );

  it('cost a request eight checks of a signature, however often it is looked at', async () => {
    const flood = (token: string) =>
      Array.from(
        { length: 16 },
        (_, index) => `${token.slice(0, -4)}AA${String.fromCodePoint(65 + index)}A`,
      );
    const checks = vi.spyOn(crypto, 'createVerify');
    try {
      for (const route of [...routes, 'POST /auth/session/refresh']) {
        const { access, refresh } = await scene.login('u1');
        const cookies = flood(access).map((value) => `${ACCESS_COOKIE}=${value}`);
        const cookie = [...cookies, `${REFRESH_COOKIE}=${refresh}`].join('; ');
        checks.mockClear();
        await call(route, { cookie });
        // A refresh looks at access tokens only where a bound session asks for one.
        const most = route === 'POST /auth/session/refresh' ? 0 : 8;
        expect([route, checks.mock.calls.length]).toEqual([route, most]);
      }
    } finally {
      checks.mockRestore();
    }
  });

  it('change no answer of a refresh', async () => {
    await fc.assert(
      fc.asyncProperty(strays, fc.boolean(), async (added, isByHeader) => {
        const holder = await scene.login('u1');
        const { refresh } = holder;
        const headers = isByHeader ? bearer(refresh) : refreshCookie(refresh);
        const answer = await scene.refresh({ ...withStrays(headers, added, holder), ...OWN_PAGE });
        expect([answer.status, answer.json]).toEqual([200, {}]);
        expect(frontTokenOf(answer)).toMatchObject({
          uid: 'u1',
          up: { sessionHandle: holder.handle },
        });
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('are judged eight at most, and more are nobody’s', async () => {
    const holder = await scene.login('u1');
    const forged = Array.from(
      { length: 40 },
      (_, index) =>
        `${holder.access.slice(0, -4)}AA${String.fromCodePoint(65 + (index % 26))}${index > 25 ? 'Q' : 'A'}`,
    );
    const cookieOf = (values: readonly string[]) => ({
      cookie: values.map((value) => `${ACCESS_COOKIE}=${value}`).join('; '),
    });
    const { access } = await scene.login('u1');
    const status = async (...values: string[]) => (await scene.get('/me', cookieOf(values))).status;
    expect(await status(...forged.slice(0, 4), access, ...forged.slice(4, 7))).toBe(200);
    const other = await scene.login('u1');
    expect(await status(...forged.slice(0, 8), other.access, ...forged.slice(8, 16))).toBe(401);
  });

  it('cost a guarded route no look at the database', async () => {
    const { access } = await scene.login('u1');
    queries.reset();
    for (const stray of ['x', `${access.slice(0, -4)}AAAA`, unknownKid(access)]) {
      const cookie = `${ACCESS_COOKIE}=${stray}; ${ACCESS_COOKIE}=${access}`;
      expect((await scene.get('/me', { cookie })).status).toBe(200);
    }
    expect(queries.all).toEqual([]);
  });

  it('are told of in one warning, by the name of the cookie', async () => {
    const { access } = await scene.login('u1');
    logs.clear();
    scene.booted.clock.advanceMs(24 * 60 * 60 * 1000);
    const again = await scene.login('u1');
    for (let requests = 0; requests < 3; requests += 1) {
      const cookie = `${ACCESS_COOKIE}=secret; ${ACCESS_COOKIE}=${again.access}`;
      expect((await scene.get('/me', { cookie })).status).toBe(200);
    }
    const [line, ...more] = logs.texts('warn');
    expect(more).toEqual([]);
    expect(line).toContain(`a second cookie named ${ACCESS_COOKIE}, which is not a token`);
    expect(line).not.toMatch(/secret/);
    expect(line).not.toContain(access);
  });
});

describe.each(platforms)(
  'a token in a header beside a cookie of another user, on %s',
  (platform) => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await Scene.open({ platform });
    });
    afterAll(() => scene.close());

    async function ask(header: Holder, cookie: Holder): Promise<Answer> {
      return scene.get('/me', { ...bearer(header.access), ...accessCookie(cookie.access) });
    }

    it('counts while it is good', async () => {
      const answer = await ask(await scene.login('phone'), await scene.login('browser'));
      expect([answer.status, answer.json]).toEqual([200, { userId: 'phone' }]);
    });

    // Otherwise a page that shows one user would act as the other.
    it.each([
      [
        'is revoked',
        ({ handle }: Holder) => scene.booted.app.get(SessionService).revokeSession(handle),
      ],
      ['has expired', () => scene.booted.clock.advanceMs(3_601_000)],
    ])('never passes its request on to the cookie when it %s', async (_, end) => {
      const phone = await scene.login('phone');
      await end(phone);
      const browser = await scene.login('browser');
      const answer = await ask(phone, browser);
      expect(answer.status).toBe(401);
      expect(answer.json).toMatchObject({ message: 'try refresh token' });
      const { json } = await scene.get('/me', accessCookie(browser.access));
      expect(json).toEqual({ userId: 'browser' });
    });
  },
);

@Controller('api/v1/orders')
class DeepController {
  @Get('of/mine')
  @VerifySession()
  mine(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }
}

describe.each(platforms)('cookies that a sibling host plants on every path, on %s', (platform) => {
  const API = 'https://api.example.com';
  const ROUTE = '/api/v1/orders/of/mine';
  const REFRESH = '/api/v1/auth/session/refresh';
  let booted: BootedApp;
  afterEach(() => booted.close());

  /** A browser after its login. */
  async function login(cookie: SessionCookieOptions): Promise<HttpClient> {
    booted = await bootApp({
      platform,
      controllers: [LoginController, DeepController],
      sessions: { cookie, apiBasePath: '/api/v1/auth' },
    });
    const browser = booted.client(API);
    await browser.post('/login', { userId: 'u1' });
    return browser;
  }

  async function cookieOf({ jar }: HttpClient, name: string): Promise<string> {
    const cookies = await jar.getCookies(API + REFRESH);
    return cookies.find(({ key }) => key.endsWith(name))?.value ?? '';
  }

  // On the cookie's own path it would be overwritten, which nothing prevents.
  async function plant(
    browser: HttpClient,
    name: string,
    values: string[],
    ownPath = '/',
  ): Promise<void> {
    const paths = new Set([...pathsTo(ROUTE), ...pathsTo(REFRESH)]);
    paths.delete(ownPath);
    for (const path of paths) {
      const line = `__Secure-${name}=${values.shift()}; Domain=example.com; Path=${path}; Secure`;
      await browser.jar.setCookie(line, 'https://evil.example.com');
    }
  }

  const KINDS: [string, (header: string) => string][] = [
    ['name a key that nobody has', () => unknownKid('').replace(/\.$/, '')],
    ['name our key', (header) => header],
  ];
  const OPTIONS: SessionCookieOptions[] = [{}, { refreshPath: REFRESH }, { path: '/api' }];
  it.each(OPTIONS.flatMap((each) => KINDS.map((kind) => [each, ...kind] as const)))(
    'keep nobody out, with %j, where they %s',
    async (options, _, headerOf) => {
      const browser = await login({ domain: 'example.com', ...options });
      const [header = ''] = (await cookieOf(browser, 'sAccessToken')).split('.');
      const refresh = await cookieOf(browser, 'sRefreshToken');
      const numbers = Array.from({ length: 30 }, (_each, index) => String(index + 10));
      const texts = numbers.map((each) => `${headerOf(header)}.e30.${'A'.repeat(84)}${each}`);
      const made = numbers.map((each) => refresh.slice(0, -2) + each);
      await plant(browser, 'sAccessToken', texts, options.path);
      await plant(browser, 'sRefreshToken', made, options.refreshPath);
      const sent = await browser.jar.getCookieString(API + ROUTE);
      expect(sent.split('sAccessToken=').length - 1).toBeGreaterThan(9);
      expect((await browser.get(ROUTE)).text).toBe('u1');
      expect((await browser.post(REFRESH)).status).toBe(200);
      expect((await browser.get(ROUTE)).text).toBe('u1');
    },
  );

  it('keep nobody out whose cookies have the name from before `domain` was set', async () => {
    const browser = await login({ domain: 'example.com', olderDomain: '' });
    const access = await cookieOf(browser, 'sAccessToken');
    const junk = Array.from({ length: 12 }, (_, index) => `${access.slice(0, -4)}AA${index % 10}Q`);
    const planted = junk.map((value) => `__Secure-sAccessToken=${value}`);
    const cookie = [...planted, `__Host-sAccessToken=${access}`].join('; ');
    const answer = await booted.client(API).get(ROUTE, { headers: { cookie } });
    expect(answer.text).toBe('u1');
  });
});

/** Every path whose cookies are sent to this one. */
function pathsTo(route: string): string[] {
  const segments = route.split('/').slice(1);
  const longer = segments.flatMap((_, index) => {
    const path = `/${segments.slice(0, index + 1).join('/')}`;
    return path === route ? [path] : [path, `${path}/`];
  });
  return ['/', ...longer];
}

describe.each(platforms)('a cookie that another application has left, on %s', (platform) => {
  it('is removed by the first refresh where its path leads there', async () => {
    const booted = await bootApp({
      platform,
      controllers: [SceneController],
      sessions: { cookie: { prefix: '' } },
    });
    const client = booted.client('https://api.example.com');
    const login = await client.post('/login', { userId: 'u1' });
    const own = login.setCookies.find((each) => each.startsWith('sRefreshToken='))?.split(';')[0];
    const headers = { cookie: `sRefreshToken=left; ${own}` };
    const refreshed = await client.post('/auth/session/refresh', undefined, { headers });
    expect(refreshed.status).toBe(200);
    const removed = refreshed.setCookies.filter((each) => each.startsWith('sRefreshToken=;'));
    expect(removed.map((each) => /Path=([^;]*)/.exec(each)?.[1])).toEqual([
      '/auth',
      '/auth/session',
      '/auth/session/refresh',
    ]);
    await booted.close();
  });
});

describe.each(platforms)('a page of a trusted origin, on %s', (platform) => {
  const origin = 'https://www.example.com';

  it.each([{ origin }, { origin, 'sec-fetch-site': 'same-site' }])(
    'signs out a browser whose cookies no key verifies: they go (%o)',
    async (page) => {
      const scene = await Scene.open({ platform, sessions: { trustedOrigins: [origin] } });
      const cookie = `${ACCESS_COOKIE}=old; ${REFRESH_COOKIE}=older`;
      const answer = await scene.post('/auth/signout', { cookie, ...page });
      expect([answer.status, answer.json]).toEqual([200, { status: 'OK' }]);
      expect(answer.setCookies.map((line) => line.split(';')[0])).toEqual([
        `${ACCESS_COOKIE}=`,
        `${REFRESH_COOKIE}=`,
      ]);
      const evil = { cookie, origin: 'https://evil.example.com', 'sec-fetch-site': 'same-site' };
      expect((await scene.post('/auth/signout', evil)).setCookies).toEqual([]);
      await scene.close();
    },
  );
});

function unknownKid(access: string): string {
  const [, ...rest] = access.split('.');
  const header = { alg: 'ES256', kid: `d-${'A'.repeat(16)}`, typ: 'at+jwt', version: '5' };
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
}

function withStrays(headers: Headers, added: readonly Stray[], holder: Holder): Headers {
  const cookies = headers['cookie']?.split('; ') ?? [];
  let { authorization } = headers;
  for (const { place, isFirst, make: makeValue } of added) {
    const value = makeValue(holder);
    if (place === 'header') authorization ??= `Bearer ${value}`;
    else {
      const cookie = `${place === 'access cookie' ? ACCESS_COOKIE : REFRESH_COOKIE}=${value}`;
      if (isFirst) cookies.unshift(cookie);
      else cookies.push(cookie);
    }
  }
  return {
    ...(cookies.length > 0 ? { cookie: cookies.join('; ') } : {}),
    ...(authorization === undefined ? {} : { authorization }),
  };
}
