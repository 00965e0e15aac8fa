import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  BooleanClaim,
  PrimitiveArrayClaim,
  PrimitiveClaim,
  SessionException,
  SessionInputException,
  SessionService,
  SessionSigningKey,
  UserRoleClaim,
} from '../../lib/index.js';
import { NO_KEYS, type LoadedKeys } from '../../lib/keys/key-loader.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { clientAddress } from '../../lib/http/rate-limit/client-address.js';
import { cookieValues } from '../../lib/http/transport/cookie-values.js';
import { isPlainLoopback } from '../../lib/http/transport/loopback.js';
import { judgeValues } from '../../lib/http/transport/shown-values.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { SessionVerifier } from '../../lib/session/verify/session-verifier.js';
import { VerifiedTokenCache } from '../../lib/session/verify/verified-token-cache.js';
import { accessTokenKid } from '../../lib/tokens/access-token.js';
import { isRefreshTokenLike } from '../../lib/tokens/refresh-token.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { bootApp, platforms } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { QueryCounter } from '../support/query-counter.js';
import { expectTokensUntouched, TRY_REFRESH, expectRefused } from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  holderOf,
  refreshCookie,
  Scene,
} from '../support/scene.js';
import { TokenOracle } from '../support/token-oracle.js';

const BAD_VALUES: readonly unknown[] = [
  undefined,
  null,
  '',
  'a\u0000b',
  '\ud800',
  'x'.repeat(300),
  0,
  Number.NaN,
  10n,
  Symbol('u'),
  () => 'u',
  ['u1'],
  {},
  { _type: 'not', _value: 'u1', '@instanceof': Symbol.for('FindOperator') },
  { toString: () => 'u1' },
  new Proxy({}, {}),
];

// What they take can come from no client: a request, a claim, options. `getOpenIdDiscoveryConfiguration` needs `issuer`.
const MISUSABLE = new Set([
  'endImpersonation',
  'createNewSession',
  'reauthenticate',
  'getSession',
  'getSessionOfHandshake',
  'getSessionWithoutRequestResponse',
  'refreshSession',
  'limitLogin',
  'countFailedLogin',
  'revokeSession',
  'removeClaim',
  'getOpenIdDiscoveryConfiguration',
]);

const HOSTILE = [
  "' OR '1'='1",
  'u1"; DROP TABLE "auth_session"; --',
  '%',
  '_',
  '\\',
  '$1',
  '?',
  ':a',
];

function unsafe(value: unknown): string {
  return value as string;
}

async function outcomeOf(act: () => unknown): Promise<unknown> {
  try {
    return await act();
  } catch (error) {
    return error;
  }
}

describeOnEachDatabase('what reaches the database', (engine) => {
  let database: TestDatabase;
  let sessions: SessionService;
  let close: () => Promise<void>;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    const booted = await bootApp({ database: database.options });
    sessions = booted.app.get(SessionService);
    close = booted.close;
  });
  afterAll(async () => {
    await close();
    await database.drop();
  });

  const create = async (userId: string, tenantId = 'public') => {
    const made = await sessions.createNewSessionWithoutRequestResponse(tenantId, userId);
    return made.getHandle();
  };

  it('I1: is a value and never a statement', async () => {
    const bystander = await create('u1');
    for (const hostile of HOSTILE) {
      expect(await sessions.getSessionInformation(hostile)).toBeUndefined();
      expect(await sessions.revokeSession(hostile)).toBe(false);
      expect(await sessions.getAllSessionHandlesForUser(hostile)).toEqual([]);
      expect(await sessions.revokeAllSessionsForUser(hostile, hostile)).toEqual([]);
      const own = await create(hostile, hostile);
      expect(await sessions.getAllSessionHandlesForUser(hostile, hostile)).toEqual([own]);
      expect(await sessions.revokeAllSessionsForUser(hostile)).toEqual([own]);
    }
    expect(await sessions.getAllSessionHandlesForUser('u1')).toEqual([bystander]);
  });

  it('I4: is compared byte for byte', async () => {
    const twins = ['bob', 'BOB', 'bob ', 'bób', 'bo\u0301b', 'ｂob', 'bob😀'];
    const handles = new Map<string, string>();
    for (const twin of twins) handles.set(twin, await create(twin, 'twins'));
    for (const twin of twins) {
      expect(await sessions.getAllSessionHandlesForUser(twin)).toEqual([handles.get(twin)]);
    }
    expect(await sessions.revokeAllSessionsForUser('bob')).toEqual([handles.get('bob')]);
    for (const twin of twins.slice(1)) {
      expect(await sessions.getAllSessionHandlesForUser(twin)).toEqual([handles.get(twin)]);
    }
  });

  it('I5: is refused where no engine could keep it as it is', async () => {
    for (const bad of ['a\u0000b', '\ud800', 'x'.repeat(256)]) {
      const outcome = await outcomeOf(() => create(bad));
      expect(outcome).toMatchObject({ code: 'SESSION_INPUT', argument: 'userId' });
    }
    const longest = '😀'.repeat(127);
    expect(await sessions.getAllSessionHandlesForUser(longest)).toEqual([]);
    const handle = await create(longest);
    expect(await sessions.getAllSessionHandlesForUser(longest)).toEqual([handle]);
  });

  it('D2: is never more than the sessions that a user may have, however many log in at once', async () => {
    const capped = await bootApp({
      database: { ...database.options },
      sessions: { maxSessionsPerUser: 5 },
    });
    try {
      const service = capped.app.get(SessionService);
      await Promise.all(
        Array.from({ length: 20 }, () =>
          service.createNewSessionWithoutRequestResponse('public', 'many').catch(() => undefined),
        ),
      );
      const live = await service.getAllSessionHandlesForUser('many');
      expect(live.length).toBeLessThanOrEqual(5);
    } finally {
      await capped.close();
    }
  });

  it('M1: is bound to its tenant: the same user elsewhere is somebody else', async () => {
    const here = await create('same', 'a');
    const there = await create('same', 'b');
    expect(await sessions.getAllSessionHandlesForUser('same', 'a')).toEqual([here]);
    expect(await sessions.revokeAllSessionsForUser('same', 'a')).toEqual([here]);
    expect(await sessions.getAllSessionHandlesForUser('same', 'b')).toEqual([there]);
  });
});

describe('the functions', () => {
  const counter = new QueryCounter();
  let sessions: SessionService;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const database = { type: 'better-sqlite3', database: ':memory:', logging: true } as const;
    const booted = await bootApp({
      database: { ...database, logger: counter },
      sessions: { antiCsrf: 'VIA_TOKEN' },
    });
    sessions = booted.app.get(SessionService);
    close = booted.close;
  });
  afterAll(() => close());

  const calls: readonly (readonly [string, (value: string) => unknown])[] = [
    [
      'createNewSessionWithoutRequestResponse: userId',
      (value) => sessions.createNewSessionWithoutRequestResponse('public', value),
    ],
    [
      'createNewSessionWithoutRequestResponse: tenantId',
      (value) => sessions.createNewSessionWithoutRequestResponse(value, 'u1'),
    ],
    ['getAllSessionHandlesForUser', (value) => sessions.getAllSessionHandlesForUser(value)],
    ['listSessions', (value) => sessions.listSessions(value)],
    ['revokeAllSessionsForUser', (value) => sessions.revokeAllSessionsForUser(value)],
    ['revokeOtherSessions', (value) => sessions.revokeOtherSessions(value, newSessionHandle(1))],
    ['markClaimsStale', (value) => sessions.markClaimsStale(value)],
  ];

  it.each(calls)('I2: take no id but a text, and ask the database nothing: %s', async (_, call) => {
    for (const bad of BAD_VALUES) {
      counter.reset();
      const outcome = await outcomeOf(() => call(unsafe(bad)));
      expect(outcome).toBeInstanceOf(SessionException);
      expect(counter.count('auth_session')).toBe(0);
    }
  });

  it.each(['getSessionInformation', 'revokeSession', 'explain'] as const)(
    'I2: find nothing by what is no handle, and ask the database nothing: %s',
    async (name) => {
      for (const bad of [...BAD_VALUES, ...HOSTILE]) {
        counter.reset();
        const outcome = await sessions[name](unsafe(bad));
        expect([undefined, false, 'unknown']).toContain(
          typeof outcome === 'object' && 'status' in outcome ? outcome.status : outcome,
        );
        expect(counter.count('auth_session')).toBe(0);
      }
    },
  );

  it('I3: ask the database for no session before the anti-CSRF token is the right one', async () => {
    const good = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    const { accessToken, antiCsrfToken } = good.getAllSessionTokensDangerously();
    const options = { checkDatabase: true };
    for (const wrong of [undefined, '', 'x', `${antiCsrfToken}x`]) {
      counter.reset();
      const outcome = await outcomeOf(() =>
        sessions.getSessionWithoutRequestResponse(accessToken, wrong, options),
      );
      expect(outcome).toMatchObject({
        statusCode: 401,
        code: 'TRY_REFRESH_TOKEN',
        message: 'try refresh token',
      });
      expect(counter.all).toEqual([]);
    }
    await sessions.getSessionWithoutRequestResponse(accessToken, antiCsrfToken, options);
    expect(counter.count('auth_session')).toBe(1);
  });

  it('I3: refuse a token of any kind as a request would be refused', async () => {
    const good = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    const { accessToken, refreshToken } = good.getAllSessionTokensDangerously();
    for (const bad of BAD_VALUES) {
      const outcomes = [
        await outcomeOf(() => sessions.getSessionWithoutRequestResponse(unsafe(bad))),
        await outcomeOf(() => sessions.refreshSessionWithoutRequestResponse(unsafe(bad))),
        await outcomeOf(() => sessions.getSessionWithoutRequestResponse(accessToken, unsafe(bad))),
        await outcomeOf(() =>
          sessions.refreshSessionWithoutRequestResponse(refreshToken ?? '', false, unsafe(bad)),
        ),
      ];
      for (const outcome of outcomes) expect(outcome).toBeInstanceOf(SessionException);
    }
  });

  it.each([
    ['a text', new PrimitiveClaim<string>({ key: 'a', fetchValue: () => 'x' })],
    ['a flag', new BooleanClaim({ key: 'a', fetchValue: () => true })],
    ['a list', new PrimitiveArrayClaim<string>({ key: 'a', fetchValue: () => ['x'] })],
    ['roles', new UserRoleClaim({ fetchValue: () => ['x'] })],
  ])('I3: answer 400 to a value that a claim cannot hold: %s', async (_, given) => {
    const claim = given as unknown as PrimitiveClaim<string>;
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    const refused: unknown[] = [];
    for (const bad of [...BAD_VALUES, { $ne: 1 }]) {
      counter.reset();
      const outcomes = [
        await outcomeOf(() => session.setClaimValue(claim, unsafe(bad))),
        await outcomeOf(() => sessions.setClaimValue(session.getHandle(), claim, unsafe(bad))),
      ];
      if (outcomes.every((outcome) => !(outcome instanceof Error))) continue;
      refused.push(bad);
      for (const outcome of outcomes) {
        expect(outcome).toBeInstanceOf(SessionInputException);
        expect(outcome).toMatchObject({ argument: 'value', status: 400 });
      }
      expect(counter.count('auth_session')).toBe(0);
    }
    expect(refused).toEqual(expect.arrayContaining([undefined, { $ne: 1 }, {}, 10n]));
  });

  // By the prototype, so that no function can be forgotten here.
  it('I3: end in an error of ours, unless a program gives them no request, no claim or no options', async () => {
    const names = new Set<string>();
    for (
      let level: object = SessionService.prototype;
      level !== Object.prototype;
      level = Object.getPrototypeOf(level) as object
    ) {
      for (const name of Object.getOwnPropertyNames(level)) names.add(name);
    }
    names.delete('constructor');
    // It takes TypeORM's manager, and hands out the same functions.
    names.delete('withManager');
    expect(names.size).toBeGreaterThan(30);
    const functions = sessions as unknown as Record<string, (...given: unknown[]) => unknown>;
    const strangers: string[] = [];
    for (const name of names) {
      for (const bad of BAD_VALUES) {
        const outcome = await outcomeOf(() => functions[name]?.(bad, bad, bad, bad, bad, bad));
        if (!(outcome instanceof Error) || outcome instanceof SessionException) continue;
        if (outcome instanceof TypeError && MISUSABLE.has(name)) continue;
        strangers.push(`${name}: ${outcome.name} ${outcome.message}`);
      }
    }
    expect([...new Set(strangers)]).toEqual([]);
  });

  it.each([
    ['too large', { note: 'x'.repeat(1_000_000) }],
    ['too deep', JSON.parse('{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000)) as object],
    [
      'a getter that throws',
      Object.defineProperty({}, 'a', {
        enumerable: true,
        get: () => {
          throw new Error('secret');
        },
      }),
    ],
    ['a big integer', { a: 10n }],
    ['a date', { a: new Date(0) }],
  ])('D3: take no data that is %s', async (_, data) => {
    const { createNewSessionWithoutRequestResponse: create } = sessions;
    counter.reset();
    for (const [payload, stored] of [
      [data, {}],
      [{}, data],
    ] as const) {
      const outcome = await outcomeOf(() => create.call(sessions, 'public', 'u1', payload, stored));
      expect(outcome).toMatchObject({ code: 'SESSION_INPUT' });
      expect(String(outcome)).not.toContain('secret');
    }
    expect(counter.count('auth_session')).toBe(0);
  });
});

describe.each(platforms)('tenants and applications on %s', (platform) => {
  it('M2: are told by the session, whatever the request says', async () => {
    const scene = await Scene.open({ platform });
    try {
      const holder = await scene.login('u1');
      const headers = { ...bothCookies(holder), tenant: 'b', 'x-tenant-id': 'b' };
      const path = '/auth/session/refresh?tenantId=b';
      const answer = await scene.send('POST', path, headers, { tenantId: 'b' });
      const sessions = scene.booted.app.get(SessionService);
      const { handle } = holderOf(answer);
      expect((await sessions.getSessionInformation(handle))?.tenantId).toBe('public');
    } finally {
      await scene.close();
    }
  });

  it('M3: end by HTTP only in the session’s own tenant, and by function in all', async () => {
    const scene = await Scene.open({ platform });
    try {
      const sessions = scene.booted.app.get(SessionService);
      const own = await scene.login('u1');
      const elsewhere = await sessions.createNewSessionWithoutRequestResponse('b', 'u1');
      const list = await scene.get('/auth/sessions', bothCookies(own));
      expect(list.text).not.toContain(elsewhere.getHandle());
      await scene.send('DELETE', '/auth/sessions', bothCookies(own));
      expect(await sessions.getAllSessionHandlesForUser('u1', 'b')).toHaveLength(1);
      const path = `/auth/sessions/${elsewhere.getHandle()}`;
      expect((await scene.send('DELETE', path, bothCookies(own))).status).toBe(404);
      scene.booted.clock.advanceMs(1);
      expect(await sessions.revokeAllSessionsForUser('u1')).toHaveLength(2);
    } finally {
      await scene.close();
    }
  });

  it('M4: on one database refuse each other’s tokens', async () => {
    const database = await createTestDatabase('sqlite');
    const a = await Scene.open({
      platform,
      database: database.options,
      sessions: { audience: 'a' },
    });
    const b = await Scene.open({
      platform,
      database: database.options,
      sessions: { audience: 'b' },
    });
    try {
      const holder = await a.login('u1');
      await expectRefused(b, () => b.get('/me', accessCookie(holder.access)), TRY_REFRESH);
      const refused = await b.refresh(refreshCookie(holder.refresh));
      expect(refused.status).toBe(401);
      expectTokensUntouched(refused);
      expect((await a.refresh(refreshCookie(holder.refresh))).status).toBe(200);
    } finally {
      await a.close();
      await b.close();
      await database.drop();
    }
  });

  it('U4: have no route that takes somebody else’s name', async () => {
    const scene = await Scene.open({ platform });
    try {
      const victim = await scene.login('victim');
      const holder = await scene.login('u1');
      const body = { userId: 'victim', tenantId: 'public', handle: victim.handle };
      for (const [method, path] of [
        ['POST', '/auth/session/refresh'],
        ['POST', '/auth/signout'],
        ['DELETE', '/auth/sessions'],
        ['GET', '/auth/sessions'],
      ] as const) {
        await scene.send(
          method,
          `${path}?userId=victim&handle=${victim.handle}`,
          {
            ...bothCookies(holder),
            'x-user-id': 'victim',
          },
          method === 'GET' ? undefined : body,
        );
      }
      expect((await scene.get('/strict', accessCookie(victim.access))).status).toBe(200);
    } finally {
      await scene.close();
    }
  });
});

describe('memory', () => {
  it('D4: holds no more verified tokens than the option says, and none that is invalid', async () => {
    const scene = await Scene.open({ sessions: { verifiedTokenCache: { max: 20 } } });
    try {
      const oracle = await TokenOracle.of(scene);
      const { access } = await scene.login('u1');
      const cache = scene.booted.app.get(VerifiedTokenCache);
      for (let index = 0; index < 200; index += 1) {
        await scene.get('/me', bearer(oracle.withClaims(access, { index })));
      }
      expect(cache.size).toBe(20);
      for (let index = 0; index < 200; index += 1) {
        await scene.get(
          '/me',
          bearer(`${oracle.withClaims(access, { index }).slice(0, -6)}AAAAAA`),
        );
      }
      expect(cache.size).toBe(20);
    } finally {
      await scene.close();
    }
  });

  it('D4: holds fewer of them where they are long', async () => {
    const scene = await Scene.open({ sessions: { verifiedTokenCache: { max: 20 } } });
    try {
      const oracle = await TokenOracle.of(scene);
      const { access } = await scene.login('u1');
      const cache = scene.booted.app.get(VerifiedTokenCache);
      for (let index = 0; index < 40; index += 1) {
        const long = oracle.withClaims(access, { index, note: 'x'.repeat(4_000) });
        expect((await scene.get('/me', bearer(long))).status).toBe(200);
      }
      expect(cache.size).toBeGreaterThan(1);
      expect(cache.size).toBeLessThanOrEqual(8);
    } finally {
      await scene.close();
    }
  });

  it('D5: and database are not spent on key ids that nobody knows', async () => {
    const counter = new QueryCounter();
    const database = { type: 'better-sqlite3', database: ':memory:', logging: true } as const;
    const scene = await Scene.open({ database: { ...database, logger: counter } });
    try {
      const oracle = await TokenOracle.of(scene);
      const { access } = await scene.login('u1');
      counter.reset();
      for (let index = 0; index < 300; index += 1) {
        const kid = `d-${String(index).padStart(16, 'A')}`;
        await scene.get('/me', bearer(oracle.withHeader(access, { kid })));
      }
      // One for the first unknown id, and what is read by the clock in the meantime.
      expect(counter.count('auth_session_key')).toBeLessThanOrEqual(2);
    } finally {
      await scene.close();
    }
  });

  it('D6: and time are not spent on long lines of separators', async () => {
    const scene = await Scene.open();
    try {
      const { access } = await scene.login('u1');
      for (const character of ['.', '=', ';', ' ', ',', '"', '%']) {
        const line = character.repeat(8_000);
        const cookie = `${line}; ${accessCookie(access)['cookie'] ?? ''}`;
        await scene.get('/me', { cookie });
        await scene.get('/me', { authorization: `Bearer ${line}` });
        await scene.refresh({ cookie: `__Host-sRefreshToken=${line}` });
      }
      expect((await scene.get('/me', accessCookie(access))).status).toBe(200);
    } finally {
      await scene.close();
    }
  });
});

describe('the values under one name', () => {
  it.each([700, 2_700])('D6: are looked at from both ends, and no more than 64 of %i', (length) => {
    const shown = Array.from({ length }, (_, index) => ({ text: `v${index}`, cookie: 'x' }));
    const read = vi.fn((text: string) =>
      text === 'v20' || text === `v${length - 20}` ? { token: text } : 'foreign',
    );
    const { authentic, strays } = judgeValues(shown, read);
    expect(authentic.map(({ token }) => token)).toEqual(['v20', `v${length - 20}`]);
    expect(strays).toHaveLength(length - 2);
    expect(read).toHaveBeenCalledTimes(64 + 2);
  });

  it('D6: hide no token where a sibling host plants hundreds, on whichever side', async () => {
    const scene = await Scene.open();
    try {
      const { access } = await scene.login('u1');
      const planted = Array.from({ length: 500 }, (_, index) => `__Host-sAccessToken=${index}`);
      const own = `__Host-sAccessToken=${access}`;
      const read = vi.spyOn(scene.booted.app.get(SessionVerifier), 'read');
      for (const cookies of [
        [own, ...planted],
        [...planted, own],
      ]) {
        expect((await scene.get('/me', { cookie: cookies.join('; ') })).status).toBe(200);
      }
      expect(read).toHaveBeenCalledTimes(2 * (64 + 1));
    } finally {
      await scene.close();
    }
  });
});

describe('the parsers of headers', () => {
  // What takes a quadratic time over two million characters does not come to an end while a test may run.
  it.each(['=', ';', ' ', '\t', ',', '"', '%', '.', ':', 'a=', ' =; ', '=;'])(
    'D6: look at each character a few times at most: %j',
    (part) => {
      const line = part.repeat(2_000_000 / part.length);
      const headers = { cookie: `${line}; ${accessCookie('token')['cookie']}`, host: line };
      const request = { method: 'GET', headers: { ...headers, origin: line, forwarded: line } };
      const found = cookieValues(request, '__Host-sAccessToken');
      expect(found.length).toBeLessThanOrEqual(1);
      expect(cookieValues({ method: 'GET', headers: { cookie: line } }, 'x')).toEqual([]);
      expect(isPlainLoopback(request)).toBe(false);
      expect(clientAddress({ ip: line })?.length).toBe(64);
      expect(accessTokenKid(line)).toBeUndefined();
      expect(isRefreshTokenLike(line)).toBe(false);
    },
  );
});

describe('secrets', () => {
  it('G1: are new in each refresh token, and a handle opens nothing', async () => {
    const scene = await Scene.open();
    try {
      const sessions = scene.booted.app.get(SessionService);
      const tokens = new Set<string>();
      for (let index = 0; index < 500; index += 1) {
        const made = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
        tokens.add(String(made.getAllSessionTokensDangerously().refreshToken).slice(-40));
      }
      expect(tokens.size).toBe(500);
      const { handle, refresh } = await scene.login('u2');
      const siblings = new Set([refresh]);
      await scene.refresh(refreshCookie(refresh));
      for (let index = 0; index < 50; index += 1) {
        siblings.add(holderOf(await scene.refresh(refreshCookie(refresh))).refresh);
      }
      expect(siblings.size).toBe(51);
      for (const headers of [accessCookie(handle), bearer(handle), refreshCookie(handle)]) {
        expect((await scene.get('/me', headers)).status).toBe(401);
        expect((await scene.refresh(headers)).status).toBe(401);
        expect((await scene.get('/auth/sessions', headers)).status).toBe(401);
      }
      expect(await scene.sessionRow(handle)).not.toBeNull();
    } finally {
      await scene.close();
    }
  });
});

describe('keys that fail', () => {
  it('K5: answer 503, keep the cookies and leave the row as it is', async () => {
    const scene = await Scene.open();
    try {
      const holder = await scene.login('u1');
      const row = await scene.sessionRow(holder.handle);
      const { dataSource, app } = scene.booted;
      await dataSource
        .getRepository(SessionSigningKey)
        .update({ kind: 'dynamic' }, { material: 'x' });
      const ring: { keys: LoadedKeys } = app.get(KeyRing);
      const { macById, mac } = ring.keys;
      ring.keys = { ...NO_KEYS, mac, macById };
      const answer = await scene.refresh(refreshCookie(holder.refresh));
      expect(answer.status).toBe(503);
      expectTokensUntouched(answer);
      expect(await scene.sessionRow(holder.handle)).toEqual(row);
    } finally {
      await scene.close();
    }
  });
});

describe('the code in lib/', () => {
  const sources = readdirSync('lib', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => ({
      name: join(entry.parentPath, entry.name),
      text: readFileSync(join(entry.parentPath, entry.name), 'utf8'),
    }));

  it('G1: takes no chance from Math.random, but for the jitter of timers', () => {
    const found = sources.filter(({ text }) => text.includes('Math.random'));
    expect(found.map(({ name }) => name)).toEqual(['lib/time/interval-task.ts']);
  });

  it('V14: compares no MAC by an operator', () => {
    const compared = /(?:mac|secret|digest|signature|presented)\w*\s*[!=]==/i;
    const found = sources.flatMap(({ name, text }) =>
      text
        .split('\n')
        .filter((line) => compared.test(line) && !/^\s*(?:\/\/|\*)/.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    );
    // Not a kind of value, and not the spelling of a signature, which is no secret to whoever sends it.
    const harmless = /[!=]== (?:undefined|null|'string'|\(?signature)|toString\('base64url'\)/;
    expect(found.filter((line) => !harmless.test(line))).toEqual([]);
  });

  it('U1: comes with few dependencies, and none runs a script when it is installed', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: object;
      scripts: object;
    };
    expect(Object.keys(manifest.dependencies)).toEqual([
      '@types/ms',
      'cookie',
      'jsonwebtoken',
      'lru-cache',
      'ms',
    ]);
    // `prepare` runs in a checkout and for an installation from Git, never for one from the registry.
    expect(
      Object.keys(manifest.scripts).filter((name) => /install|dependencies/.test(name)),
    ).toEqual([]);
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<
        string,
        { version: string; hasInstallScript?: boolean; dependencies?: Record<string, string> }
      >;
    };
    const shipped = new Set(Object.keys(manifest.dependencies));
    for (const name of shipped) {
      const found = lock.packages[`node_modules/${name}`];
      expect([name, found?.hasInstallScript]).toEqual([name, undefined]);
      for (const each of Object.keys(found?.dependencies ?? {})) shipped.add(each);
    }
    // Each of them is code that an application runs with its users' tokens: one more is a decision.
    expect([...shipped].toSorted()).toEqual([
      '@types/ms',
      'buffer-equal-constant-time',
      'cookie',
      'ecdsa-sig-formatter',
      'jsonwebtoken',
      'jwa',
      'jws',
      'lodash.includes',
      'lodash.isboolean',
      'lodash.isinteger',
      'lodash.isnumber',
      'lodash.isplainobject',
      'lodash.isstring',
      'lodash.once',
      'lru-cache',
      'ms',
      'safe-buffer',
      'semver',
    ]);
    expect(lock.packages['node_modules/jws']?.version).toMatch(/^4\.(?!0\.0)/);
  });

  it('U3: starts in production with no insecure cookie, unless an option says how dangerous that is', () => {
    const insecure = { cookie: { secure: false } } as const;
    expect(() => resolveSessionOptions(insecure, { production: true })).toThrow('`cookie.secure`');
    const knowing = { ...insecure, dangerouslyAllowInsecureCookies: true };
    expect(resolveSessionOptions(knowing, { production: true }).cookie.secure).toBe(false);
  });

  it('D4: bounds what waits for the database', () => {
    const queue = new ArrivalQueue(
      { confirm: () => Promise.resolve() } as never,
      { now: () => 0 } as never,
    );
    for (let index = 0; index < 20_000; index += 1) queue.add(String(index), 'x');
    const waiting = (queue as unknown as { queued: Map<string, string> }).queued.size;
    expect(waiting).toBe(10_000);
    return queue.flush();
  });
});
