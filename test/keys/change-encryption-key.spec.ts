import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionService, SessionSigningKey, type SessionModuleOptions } from '../../lib/index.js';
import { KeyEncryption } from '../../lib/keys/key-encryption.js';
import { newPrivateKey } from '../../lib/keys/key-material.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { describeOnEachDatabase } from '../support/components.js';
import { Deployment, tokensOf, type Instance, type Tokens } from '../support/instances.js';

const FORMER_KEY = '0'.repeat(31) + '123456789abcdef01234567890abcdef0';
const NEW_KEY = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
const DAY_MS = 24 * 60 * 60_000;
const ACCEPTING = { encryptionKeyMigration: 'accept-unencrypted' } as const;

describeOnEachDatabase('the encryption key of a running deployment', (engine) => {
  let deployment: Deployment;
  let tokens: Tokens;
  beforeEach(async () => {
    deployment = await Deployment.on(engine);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await deployment.end();
  });

  /** The deployment of before, in which a user has logged in. */
  async function runBefore(sessions: SessionModuleOptions): Promise<void> {
    tokens = await (await deployment.start(sessions)).login('u1');
    await deployment.stop();
  }

  async function restart(sessions: SessionModuleOptions): Promise<Instance> {
    await deployment.stop();
    return deployment.start(sessions);
  }

  async function expectNobodyLoggedOut(instance: Instance): Promise<void> {
    expect((await instance.me(tokens)).status).toBe(200);
    const answer = await instance.refresh(tokens);
    expect(answer.status).toBe(200);
    tokens = tokensOf(answer, tokens);
  }

  async function materials({ booted }: Instance): Promise<string[]> {
    const rows = await booted.dataSource.getRepository(SessionSigningKey).find();
    return rows.map(({ material }) => material);
  }

  async function expectStoredUnder(instance: Instance, key: Buffer): Promise<void> {
    const encryption = new KeyEncryption([createSecretKey(key)]);
    const stored = await materials(instance);
    expect(stored).toHaveLength(2);
    expect(stored.filter((each) => !encryption.isCurrent(each))).toEqual([]);
  }

  it('can be added: keys in clear are read and encrypted while the operator allows it', async () => {
    await runBefore({});
    const accepting = await restart({ encryptionKey: NEW_KEY, ...ACCEPTING });
    await expectStoredUnder(accepting, Buffer.from(NEW_KEY, 'base64'));
    await expectNobodyLoggedOut(accepting);
    const strict = await restart({ encryptionKey: NEW_KEY });
    await expectNobodyLoggedOut(strict);
  });

  it('S4: can be changed: the first one encrypts, and keys under the former one are written again', async () => {
    await runBefore({ encryptionKey: FORMER_KEY });
    await expectNobodyLoggedOut(await restart({ encryptionKey: [FORMER_KEY, NEW_KEY] }));
    const changed = await restart({ encryptionKey: [NEW_KEY, FORMER_KEY] });
    await expectStoredUnder(changed, Buffer.from(NEW_KEY, 'base64'));
    await expectNobodyLoggedOut(changed);
    await expectNobodyLoggedOut(await restart({ encryptionKey: NEW_KEY }));
  });

  it('is told apart by a statement of docs/operations.md, as long as the former one is in use', async () => {
    const operations = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    const [statement = ''] = /SELECT realm, substr[^;]*;/.exec(operations) ?? [];
    const counts = async ({ booted }: Instance): Promise<number[]> => {
      const rows: { how_many: unknown }[] = await booted.dataSource.query(statement);
      return rows.map(({ how_many: count }) => Number(count)).toSorted((a, b) => a - b);
    };
    await runBefore({ encryptionKey: FORMER_KEY });
    const former = await deployment.start({ encryptionKey: [FORMER_KEY, NEW_KEY] });
    expect(await counts(former)).toEqual([2]);
    const changed = await deployment.start({ encryptionKey: [NEW_KEY, FORMER_KEY] });
    await former.booted.app.get(SessionService).addRefreshTokenSecret();
    expect(await counts(changed)).toEqual([1, 2]);
  });

  it('can be changed while instances with the former order run on', async () => {
    await runBefore({ encryptionKey: FORMER_KEY });
    const former = await deployment.start({ encryptionKey: [FORMER_KEY, NEW_KEY] });
    const changed = await deployment.start({ encryptionKey: [NEW_KEY, FORMER_KEY] });
    await expectNobodyLoggedOut(former);
    await expectNobodyLoggedOut(changed);
    await expectStoredUnder(changed, Buffer.from(NEW_KEY, 'base64'));
  });

  it('that is added without leave for keys in clear logs nobody out: what needs them answers 503', async () => {
    await runBefore({});
    const report = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const strict = await restart({ encryptionKey: NEW_KEY });
    const login = strict.login('u2');
    await expect(login).rejects.toThrow('503');
    const refreshed = await strict.refresh(tokens);
    expect([refreshed.status, refreshed.setCookies]).toEqual([503, []]);
    expect(refreshed.headers['retry-after']).toBe('5');
    expect(report.mock.calls.flat().join('\n')).toContain('encryptionKeyMigration');
    expect((await materials(strict)).filter((each) => each.startsWith('aes'))).toEqual([]);
    await expectNobodyLoggedOut(await restart({ encryptionKey: NEW_KEY, ...ACCEPTING }));
  });

  describe('that is lost', () => {
    let here: Instance;
    let there: Instance;
    beforeEach(async () => {
      vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      await runBefore({ encryptionKey: FORMER_KEY });
      here = await deployment.start({ encryptionKey: NEW_KEY });
      there = await deployment.start({ encryptionKey: NEW_KEY });
    });

    async function revokeAll(kind: string): Promise<void> {
      const rows = here.booted.dataSource.getRepository(SessionSigningKey);
      for (const { kid } of await rows.findBy({ kind })) {
        await here.booted.app.get(SessionService).revokeKey(kid);
      }
      await there.booted.app.get(SessionService).revokeKey('d-0123456789abcdef');
    }

    it('locks nobody out: once the keys are revoked, everybody logs in again', async () => {
      for (const each of [here, there]) expect((await each.refresh(tokens)).status).toBe(503);
      await revokeAll('dynamic');
      await revokeAll('mac');
      for (const each of [here, there]) {
        expect((await each.refresh(tokens)).status).toBe(401);
        const again = await each.login('u1');
        expect((await each.refresh(again)).status).toBe(200);
      }
    });

    it('keeps the keys of access tokens back until those that can be read are all there are', async () => {
      const jwks = (): Promise<Response> => fetch(`${there.booted.url}/auth/jwt/jwks.json`);
      expect((await jwks()).status).toBe(503);
      await revokeAll('dynamic');
      const answer = await jwks();
      expect(answer.status).toBe(200);
      const { keys } = (await answer.json()) as { keys: unknown[] };
      expect(keys).toHaveLength(1);
    });

    it('keeps them back too where the instance has made a key of another algorithm beside', async () => {
      const canary = await restart({ encryptionKey: NEW_KEY, signing: { algorithm: 'RS256' } });
      const answer = await fetch(`${canary.booted.url}/auth/jwt/jwks.json`);
      expect(answer.status).toBe(503);
    });
  });

  it('that is wrong on an instance makes no key there, even if the next one is due', async () => {
    vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    await runBefore({ encryptionKey: FORMER_KEY });
    deployment.clock.advanceMs(8 * DAY_MS);
    const wrong = await restart({ encryptionKey: NEW_KEY });
    await expect(wrong.login('u2')).rejects.toThrow('503');
    expect(await materials(wrong)).toHaveLength(2);
    const right = await restart({ encryptionKey: FORMER_KEY });
    expect((await right.refresh(tokens)).status).toBe(200);
    await expect.poll(() => materials(right)).toHaveLength(3);
  });

  it('that is wrong on an instance makes no key of another algorithm or purpose there either', async () => {
    vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    await runBefore({ encryptionKey: FORMER_KEY });
    const wrong = await restart({ encryptionKey: NEW_KEY, signing: { algorithm: 'RS256' } });
    await expect(wrong.login('u2')).rejects.toThrow('503');
    const sessions = wrong.booted.app.get(SessionService);
    const outage = { code: 'SESSION_STORE_UNAVAILABLE', reason: 'keys-unreadable' };
    await expect(sessions.createJWT({ sub: 'u1' })).rejects.toMatchObject(outage);
    await expect(sessions.addRefreshTokenSecret()).rejects.toMatchObject(outage);
    expect(await materials(wrong)).toHaveLength(2);
    const right = await restart({ encryptionKey: FORMER_KEY, signing: { algorithm: 'RS256' } });
    expect((await right.refresh(tokens)).status).toBe(200);
    expect(await right.booted.app.get(SessionService).createJWT({ sub: 'u1' })).toMatchObject({
      status: 'OK',
    });
  });

  it('that is wrong on an instance which has made a key takes none out of use on the others', async () => {
    vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const right = await deployment.start({ encryptionKey: FORMER_KEY });
    const rows = right.booted.dataSource.getRepository(SessionSigningKey);
    const row = await rows.findOneByOrFail({ kind: 'dynamic' });
    const foreign = { kid: 'd-foreign00000000_', sequence: 2, material: 'aes-256-gcm.other.key' };
    const activeAt = deployment.clock.now() + DAY_MS;
    await rows.insert(rows.merge(rows.create(), row, { ...foreign, activeAt }));
    deployment.clock.advanceMs(7 * DAY_MS);
    tokens = await right.login('u1');
    await expect.poll(() => materials(right)).toHaveLength(4);
    const keys = right.booted.app.get(KeyRing);
    deployment.clock.advanceMs(30_000);
    await keys.reloadForUnknownKey();
    expect((await right.me(tokens)).status).toBe(200);
    deployment.clock.advanceMs(30_000);
    expect(keys.accessTokenKeyIds()).toContain(row.kid);
    expect((await right.me(tokens)).status).toBe(200);
    deployment.clock.advanceMs(7 * DAY_MS);
    await right.login('u2');
    await expect.poll(async () => (await rows.find()).map(({ kid }) => kid)).not.toContain(row.kid);
    expect((await rows.find()).map(({ kid }) => kid)).toContain(foreign.kid);
  });

  it('keeps out a key that somebody has put into the database in clear', async () => {
    await runBefore({ encryptionKey: NEW_KEY });
    vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const instance = await deployment.start({ encryptionKey: NEW_KEY });
    const rows = instance.booted.dataSource.getRepository(SessionSigningKey);
    const row = await rows.findOneByOrFail({ kind: 'dynamic' });
    const kid = 'd-planted000000000';
    const material = await newPrivateKey('ES256');
    await rows.insert(rows.merge(rows.create(), row, { kid, sequence: 99, material }));
    const strict = await restart({ encryptionKey: NEW_KEY });
    const jwks = await fetch(`${strict.booted.url}/auth/jwt/jwks.json`);
    expect(await jwks.text()).not.toContain(kid);
    expect((await materials(strict)).some((each) => !each.startsWith('aes'))).toBe(true);
  });

  it('warns once at each start while keys in clear are accepted', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await deployment.start({ encryptionKey: NEW_KEY, ...ACCEPTING });
    await deployment.start({ encryptionKey: NEW_KEY });
    const warnings = warn.mock.calls.filter(([text]) =>
      String(text).includes('accept-unencrypted'),
    );
    expect(warnings).toHaveLength(1);
  });
});
