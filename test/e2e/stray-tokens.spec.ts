import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bootApp, platforms } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
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
    scene = await Scene.open({ platform, database, sessions, prepare: logs.record });
  });
  afterAll(() => scene.close());
  afterEach(() => logs.clear());

  const shows: Readonly<Record<string, (holder: Holder) => Headers>> = {
    'an access cookie': ({ access }) => accessCookie(access),
    'both cookies': (holder) => bothCookies(holder),
    'a header': ({ access }) => bearer(access),
  };
  const routes = ['GET /me', 'GET /optional', 'GET /strict', 'POST /act', 'POST /auth/signout'];

  async function call(route: string, headers: Headers): Promise<Answer> {
    const [method = '', path = ''] = route.split(' ');
    return scene.send(method, path, { ...headers, ...OWN_PAGE });
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
          const isSignOut = route.endsWith('signout');
          expect(answer.status).toBe(200);
          expect(answer.json).toMatchObject(isSignOut ? { status: 'OK' } : { userId: 'u1' });
          expect((await scene.sessionRow(holder.handle)) === null).toBe(isSignOut);
        },
      ),
      { seed: SEED, numRuns: 150 },
    );
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
    expect((await scene.get('/me', cookieOf([...forged.slice(0, 7), access]))).status).toBe(200);
    const other = await scene.login('u1');
    const flooded = cookieOf([...forged.slice(0, 8), other.access]);
    expect((await scene.get('/me', flooded)).status).toBe(401);
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
