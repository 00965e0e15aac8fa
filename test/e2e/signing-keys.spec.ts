import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { platforms, type BootOptions } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { QueryCounter } from '../support/query-counter.js';
import { expectRefused, TRY_REFRESH, UNAUTHORISED } from '../support/refusal.js';
import { accessCookie, bearer, Scene } from '../support/scene.js';

const ISSUER = 'https://api.example.com/auth';
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

function keySetOf(scene: Scene): ReturnType<typeof createRemoteJWKSet> {
  return createRemoteJWKSet(new URL(`${scene.booted.url}/auth/jwt/jwks.json`));
}

async function publishedKids(scene: Scene): Promise<string[]> {
  const answer = await scene.get('/auth/jwt/jwks.json');
  return (answer.json as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
}

const kidOf = (token: string) => String(decodeProtectedHeader(token).kid);

describe.each(platforms)('the published keys on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      sessions: { issuer: ISSUER },
      prepare: (app) => {
        app.enableCors({ origin: 'https://www.example.com', credentials: true });
      },
    });
  });
  afterAll(() => scene.close());

  it.each(['/auth/jwt/jwks.json', '/auth/.well-known/openid-configuration'])(
    'are for every origin at %s, whatever the application’s CORS says',
    async (path) => {
      const answer = await scene.get(path, { origin: 'https://other.example' });
      expect(answer.status).toBe(200);
      expect(answer.headers['access-control-allow-origin']).toBe('*');
      expect(answer.setCookies).toEqual([]);
    },
  );

  it('may be kept for as long as a key is published before it signs', async () => {
    const answer = await scene.get('/auth/jwt/jwks.json');
    expect(answer.headers['cache-control']).toBe('public, max-age=60, must-revalidate');
    const sessions = scene.booted.app.get(SessionService);
    expect(sessions.getJWKS()).toEqual({ ...(answer.json as object), validityInSeconds: 60 });
  });

  it.each([
    ['ES256', ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'], 'EC'],
    ['RS256', ['alg', 'e', 'kid', 'kty', 'n', 'use'], 'RSA'],
  ] as const)('have public members only, for %s', async (algorithm, members, kty) => {
    const other = await Scene.open({ platform, sessions: { signing: { algorithm } } });
    const { keys } = (await other.get('/auth/jwt/jwks.json')).json as { keys: object[] };
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([members]);
    expect(keys).toMatchObject([{ kty, use: 'sig', alg: algorithm }]);
    const { access } = await other.login('u1');
    const currentDate = new Date(other.booted.clock.now());
    const verified = await jwtVerify(access, keySetOf(other), { typ: 'at+jwt', currentDate });
    expect(verified.payload.sub).toBe('u1');
    expect(verified.protectedHeader.alg).toBe(algorithm);
    await other.close();
  });

  it('are found by the discovery document', async () => {
    const answer = await scene.get('/auth/.well-known/openid-configuration');
    const document = {
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/jwt/jwks.json`,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      response_types_supported: ['code', 'id_token', 'id_token token'],
    };
    expect(answer.json).toEqual(document);
    const sessions = scene.booted.app.get(SessionService);
    expect(sessions.getOpenIdDiscoveryConfiguration()).toEqual({ status: 'OK', ...document });
  });

  it('are where the discovery document says, also if the issuer ends with a slash', async () => {
    const issuer = `${ISSUER}/`;
    const other = await Scene.open({ platform, sessions: { issuer } });
    const { json } = await other.get('/auth/.well-known/openid-configuration');
    const found = json as { issuer: string; jwks_uri: string };
    expect(found.issuer).toBe(issuer);
    expect(found.jwks_uri.startsWith(issuer)).toBe(true);
    expect((await other.get(new URL(found.jwks_uri).pathname)).status).toBe(200);
    await other.close();
  });

  it('are not to be discovered without an issuer', async () => {
    const other = await Scene.open({ platform });
    expect((await other.get('/auth/.well-known/openid-configuration')).status).toBe(404);
    const sessions = other.booted.app.get(SessionService);
    expect(() => sessions.getOpenIdDiscoveryConfiguration()).toThrow(/issuer/);
    await other.close();
  });

  describe('verify what createJWT makes', () => {
    it.each([
      [true, /^s-/],
      [false, /^d-/],
    ])('with the static key: %s', async (useStatic, kid) => {
      const sessions = scene.booted.app.get(SessionService);
      const made = await sessions.createJWT({ sub: 'service', roles: ['a'] }, 60, useStatic);
      expect(made.status).toBe('OK');
      const now = scene.booted.clock.now();
      const { payload, protectedHeader } = await jwtVerify(made.jwt, keySetOf(scene), {
        issuer: ISSUER,
        currentDate: new Date(now),
      });
      const iat = now / 1000;
      expect(payload).toEqual({ iss: ISSUER, sub: 'service', roles: ['a'], iat, exp: iat + 60 });
      expect(protectedHeader).toEqual({
        alg: 'ES256',
        typ: 'JWT',
        kid: expect.stringMatching(kid),
      });
    });

    it('for a hundred years and by the static key unless told otherwise, and by an issuer of its own', async () => {
      const sessions = scene.booted.app.get(SessionService);
      const { jwt } = await sessions.createJWT({ iss: 'https://own.example' });
      expect(kidOf(jwt)).toMatch(/^s-/);
      const currentDate = new Date(scene.booted.clock.now());
      const { payload } = await jwtVerify(jwt, keySetOf(scene), { currentDate });
      expect(payload.iss).toBe('https://own.example');
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3_153_600_000);
    });

    it('and never pass for an access token, though they say all that one says', async () => {
      const sessions = scene.booted.app.get(SessionService);
      const { access } = await scene.login('u2');
      const payload = JSON.parse(
        Buffer.from(access.split('.')[1] ?? '', 'base64url').toString(),
      ) as object;
      for (const useStatic of [true, false]) {
        const { jwt } = await sessions.createJWT(payload, 60, useStatic);
        await expectRefused(scene, () => scene.get('/me', accessCookie(jwt)), TRY_REFRESH);
        await expectRefused(scene, () => scene.get('/me', bearer(jwt)), UNAUTHORISED);
        await expect(sessions.getSessionWithoutRequestResponse(jwt)).rejects.toMatchObject({
          code: 'UNAUTHORISED',
          clearTokens: false,
        });
      }
    });
  });
});

describe('the rotation of signing keys', () => {
  const opened: Scene[] = [];
  let database: TestDatabase | undefined;
  afterEach(async () => {
    for (const scene of opened.splice(0)) await scene.close();
    await database?.drop();
    database = undefined;
  });

  async function open(options: BootOptions): Promise<Scene> {
    const scene = await Scene.open(options);
    opened.push(scene);
    return scene;
  }

  it('publishes the next key before it signs, and costs nobody a refresh', async () => {
    const scene = await open({ sessions: { signing: { rotationInterval: '1h' } } });
    const old = await scene.login('u1');
    await scene.advance(HOUR_MS - MINUTE_MS);
    const last = await scene.login('u2');
    await vi.waitFor(async () => expect(await publishedKids(scene)).toHaveLength(2));
    expect([kidOf(last.access), kidOf((await scene.login('u3')).access)]).toEqual([
      kidOf(old.access),
      kidOf(old.access),
    ]);
    await scene.advance(MINUTE_MS);
    const next = await scene.login('u4');
    const kids = await publishedKids(scene);
    expect(kids).toEqual([kidOf(old.access), kidOf(next.access)]);
    await scene.advance(HOUR_MS - 2 * MINUTE_MS);
    for (const { access } of [last, next]) {
      expect((await scene.get('/me', accessCookie(access))).status).toBe(200);
    }
  });

  it('K1: retires a key once no token that it signed can be alive', async () => {
    const scene = await open({ sessions: { signing: { rotationInterval: '1h' } } });
    const { access } = await scene.login('u1');
    await scene.advance(HOUR_MS - MINUTE_MS);
    await vi.waitFor(async () => expect(await publishedKids(scene)).toHaveLength(2));
    await scene.advance(MINUTE_MS + HOUR_MS + 2 * MINUTE_MS - 1);
    expect(await publishedKids(scene)).toContain(kidOf(access));
    await scene.advance(1);
    expect(await publishedKids(scene)).not.toContain(kidOf(access));
  });

  it('asks the database for an unknown key once in five seconds, however many there are', async () => {
    const queries = new QueryCounter();
    const scene = await open({
      database: { type: 'better-sqlite3', database: ':memory:', logging: true, logger: queries },
    });
    const { access } = await scene.login('u1');
    const [, ...rest] = access.split('.');
    const unknown = (n: number) => {
      const kid = `d-${String(n).padStart(16, 'A')}`;
      const header = { alg: 'ES256', typ: 'at+jwt', version: '5', kid };
      return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
    };
    const flood = async () => {
      queries.reset();
      const requests = Array.from({ length: 20 }, (_, n) =>
        scene.get('/me', accessCookie(unknown(n))),
      );
      const answers = await Promise.all(requests);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
      return queries.count('auth_session_key');
    };
    scene.booted.clock.advanceMs(5_000);
    expect([await flood(), await flood()]).toEqual([1, 0]);
    scene.booted.clock.advanceMs(4_999);
    expect(await flood()).toBe(0);
    scene.booted.clock.advanceMs(1);
    expect(await flood()).toBe(1);
  });

  it('is seen by another instance at the first token that names the new key', async () => {
    database = await createTestDatabase('sqlite');
    const sessions = { signing: { rotationInterval: '1h' } } as const;
    const one = await open({ database: database.options, sessions });
    const { clock } = one.booted;
    const other = await open({ database: database.options, sessions, clock });
    await one.advance(HOUR_MS - MINUTE_MS);
    await vi.waitFor(async () => expect(await publishedKids(one)).toHaveLength(2));
    clock.advanceMs(MINUTE_MS);
    const { access } = await one.login('u1');
    expect((await other.get('/me', accessCookie(access))).json).toEqual({ userId: 'u1' });
    expect(await publishedKids(other)).toEqual(await publishedKids(one));
  });
});
