import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  inspectSessions,
  Session,
  SessionEventBus,
  SessionHealth,
  SessionService,
  SessionSigningKey,
} from '../../lib/index.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { dump } from '../support/issued-tokens.js';
import { LogRecorder } from '../support/log-recorder.js';
import { loginAs } from '../support/login.controller.js';

const FIRST = randomBytes(32).toString('base64');
const SECOND = randomBytes(32).toString('hex');

@Controller()
class LoginController extends loginAs('ada') {}

describe('keys in the database', () => {
  let database: TestDatabase;
  let booted: BootedApp | undefined;
  const logs = new LogRecorder();

  /** Starts the application anew on the database that the one before has left. */
  async function restart(encryptionKey?: string | string[]): Promise<BootedApp> {
    await booted?.close();
    logs.clear();
    booted = await bootApp({
      controllers: [LoginController],
      database: database.options,
      prepare: logs.record,
      sessions: encryptionKey === undefined ? {} : { encryptionKey },
    });
    return booted;
  }

  async function kidOfLogin(app: BootedApp): Promise<string | undefined> {
    const client = app.client();
    await client.post('/login');
    return decodeProtectedHeader((await client.cookie('sAccessToken')) ?? '').kid;
  }

  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
  });
  afterEach(async () => {
    await booted?.dataSource.getRepository(SessionSigningKey).clear();
    await booted?.dataSource.getRepository(Session).clear();
  });
  afterAll(async () => {
    await booted?.close();
    await database.drop();
  });

  it('are in clear without an encryption key, and are the same after a restart', async () => {
    const kid = await kidOfLogin(await restart());
    const rows = await booted?.dataSource.getRepository(SessionSigningKey).find();
    expect(rows?.map((row) => row.kind).toSorted()).toEqual(['dynamic', 'mac']);
    expect(await kidOfLogin(await restart())).toBe(kid);
  });

  it('are encrypted with one, and are the same after a restart', async () => {
    const app = await restart(FIRST);
    const kid = await kidOfLogin(app);
    const rows = await app.dataSource.getRepository(SessionSigningKey).find();
    expect(rows.map((row) => row.material.split('.')[0])).toEqual(['aes-256-gcm', 'aes-256-gcm']);
    // A private key in PKCS #8 begins with these bytes, in base64.
    expect(await dump(app.dataSource)).not.toMatch(/MIG[A-Z]|MII|PRIVATE|"d":/);
    expect(await kidOfLogin(await restart(FIRST))).toBe(kid);
  });

  it('are read under a former encryption key that is given second', async () => {
    const kid = await kidOfLogin(await restart(FIRST));
    expect(await kidOfLogin(await restart([SECOND, FIRST]))).toBe(kid);
    expect(logs.texts('error')).toEqual([]);
  });

  it.each([
    ['another encryption key', FIRST, SECOND],
    ['none, where there was one', FIRST, undefined],
    ['one, where there was none', undefined, FIRST],
  ])(
    'are not replaced under %s: nobody can log in until it is put right',
    async (_, before, after) => {
      const kid = await kidOfLogin(await restart(before));
      const app = await restart(after);
      const answer = await app.client().post('/login');
      expect(answer.status).toBe(503);
      expect(answer.json).toEqual({
        statusCode: 503,
        code: 'SESSION_STORE_UNAVAILABLE',
        message: 'session store unavailable',
      });
      expect(answer.headers['retry-after']).toBe('5');
      expect(answer.setCookies).toEqual([]);
      expect(await app.dataSource.getRepository(Session).count()).toBe(1);
      expect(await app.dataSource.getRepository(SessionSigningKey).count()).toBe(2);
      const told = logs.texts('error');
      expect(told.filter((text) => text.includes("can't be read and is not used"))).toHaveLength(2);
      expect(told.join()).not.toContain(FIRST);
      expect(await kidOfLogin(await restart(before))).toBe(kid);
    },
  );

  it('that can’t be opened are told of as such, and hide no outage of the database', async () => {
    const client = (await restart(FIRST)).client();
    await client.post('/login');
    const refreshToken = await client.cookie('sRefreshToken');
    const app = await restart(SECOND);
    const reasons: string[] = [];
    app.app.get(SessionEventBus).on('refused', ({ reason }) => void reasons.push(reason));
    const told = (): string[] => logs.texts('error').filter((text) => text.includes('answer 503'));
    logs.clear();

    expect((await app.client().get('/auth/jwt/jwks.json')).status).toBe(503);
    expect((await app.client().post('/login')).status).toBe(503);
    const headers = { authorization: `Bearer ${refreshToken}` };
    const refreshed = await app.client().post('/auth/session/refresh', {}, { headers });
    expect(refreshed.status).toBe(503);
    expect(reasons).toEqual(['keys-unreadable', 'keys-unreadable', 'keys-unreadable']);
    expect(told()).toEqual([
      expect.stringMatching(/^Sessions can't open their keys.*`encryptionKey`/),
    ]);

    await app.dataSource.destroy();
    expect((await app.client().post('/login')).status).toBe(503);
    await app.dataSource.initialize();
    expect(reasons.at(-1)).toBe('store-unavailable');
    expect(told()).toHaveLength(2);
    expect(told()[1]).toMatch(/^Sessions can't reach their database, and answer 503: ./);
  });

  it('that can’t be opened are no sign-out: it is 503, and the cookies stay', async () => {
    const client = (await restart(FIRST)).client();
    await client.post('/login');
    const refreshToken = await client.cookie('sRefreshToken');
    const both = `sAccessToken=${await client.cookie('sAccessToken')}; sRefreshToken=${refreshToken}`;
    const signOut = (headers: Record<string, string>) =>
      booted?.client().post('/auth/signout', undefined, { headers });
    const ownPage = { 'sec-fetch-site': 'same-origin' };

    await restart(SECOND);
    for (const headers of [
      { cookie: both, ...ownPage },
      { cookie: `sRefreshToken-actor=${refreshToken}`, ...ownPage },
      { authorization: `Bearer ${refreshToken}` },
    ]) {
      const answer = await signOut(headers);
      expect([answer?.status, answer?.setCookies]).toEqual([503, []]);
      expect(answer?.headers).not.toHaveProperty('front-token');
    }
    await restart(FIRST);
    expect(await booted?.dataSource.getRepository(Session).count()).toBe(1);
    expect((await signOut({ cookie: both, ...ownPage }))?.status).toBe(200);
    expect(await booted?.dataSource.getRepository(Session).count()).toBe(0);
  });

  it.each([
    ['another encryption key', FIRST, SECOND],
    ['none, where there was one', FIRST, undefined],
    ['one, where there was none', undefined, FIRST],
  ])('turn the health down under %s, and are found by an inspection', async (_, before, after) => {
    await kidOfLogin(await restart(before));
    const app = await restart(after);
    expect(await app.app.get(SessionHealth).check()).toMatchObject({
      status: 'down',
      databaseAnswers: true,
      areKeysReadable: false,
      signingKeyAgeMs: null,
    });
    const findings = await inspectSessions(app.app);
    expect(findings).toMatchObject([{ code: 'keys-unreadable' }]);
    expect(findings[0]?.cause).toMatch(/^2 session keys in the database can't be read/);
    expect(findings[0]?.link).toContain('operations.md#keys-at-rest');
    expect(JSON.stringify(findings)).not.toContain(FIRST);
  });

  it('leave the health up while one of each kind is readable, though an inspection finds the others', async () => {
    const app = await restart(FIRST);
    await kidOfLogin(app);
    const keys = app.dataSource.getRepository(SessionSigningKey);
    const planted = await keys.findOneByOrFail({ kind: 'dynamic' });
    await keys.insert(
      Object.assign(keys.create(planted), { kid: 'd-plantedplanted1', sequence: 2 }),
    );
    const restarted = await restart(FIRST);
    expect(await restarted.app.get(SessionHealth).check()).toMatchObject({ status: 'up' });
    expect(await inspectSessions(restarted.app)).toMatchObject([{ code: 'keys-unreadable' }]);
  });

  it('leave the health up where there are none yet, as those of an instance that has not made them', async () => {
    const app = await restart(FIRST);
    await app.dataSource.getRepository(SessionSigningKey).clear();
    await app.app.get(KeyRing).reloadForUnknownKey();
    expect(await app.app.get(SessionHealth).check()).toMatchObject({
      status: 'up',
      areKeysReadable: true,
      signingKeyAgeMs: null,
    });
    expect(await inspectSessions(app.app)).toEqual([]);
  });

  // Whoever can write to the database must not become the one who signs (ASVS 9.1.3).
  it('S3: are not used where somebody else has put them there', async () => {
    const app = await restart(FIRST);
    await kidOfLogin(app);
    const keys = app.dataSource.getRepository(SessionSigningKey);
    const {
      kid,
      realm,
      kind,
      algorithm,
      material: sealed,
      createdAt,
      activeAt,
    } = await keys.findOneByOrFail({ kind: 'dynamic' });
    const copied = { realm, kind, algorithm, createdAt, activeAt };
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const material = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    await keys.insert([
      { ...copied, kid: 'd-plantedplanted1', sequence: 2, material },
      { ...copied, kid: 'd-plantedplanted2', sequence: 3, material: sealed },
    ]);
    const restarted = await restart(FIRST);
    expect(await kidOfLogin(restarted)).toBe(kid);
    const { keys: published } = restarted.app.get(SessionService).getJWKS();
    expect(published.map((key) => key.kid)).toEqual([kid]);
    expect(logs.texts('error')).toHaveLength(2);
  });
});
