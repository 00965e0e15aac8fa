import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService, SessionSigningKey } from '../../lib/index.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { mintRefreshToken, NO_PARENT_HASH } from '../../lib/tokens/refresh-token.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { dump } from '../support/issued-tokens.js';
import { KEY } from '../support/refresh-token-key.js';
import {
  accessCookie,
  bearer,
  holderOf,
  refreshCookie,
  Scene,
  type Holder,
} from '../support/scene.js';

describe('what is secret', () => {
  it('G1: is random: of ten thousand refresh tokens no two share their nonce', () => {
    const lineage = {
      sessionHandle: newSessionHandle(1_000),
      generation: 0,
      parentHash: NO_PARENT_HASH,
    };
    const nonces = Array.from({ length: 10_000 }, () => {
      const { token } = mintRefreshToken(lineage, KEY);
      return Buffer.from(token.slice('nasr_'.length), 'base64url').toString('hex', 33, 49);
    });
    expect(new Set(nonces).size).toBe(10_000);
    expect(nonces.every((nonce) => nonce.length === 32)).toBe(true);
  });

  it.each([
    ['31 bytes', randomBytes(31).toString('base64')],
    ['a word', 'secret'],
    ['zeros', Buffer.alloc(32).toString('base64')],
    ['nothing', ''],
  ])('G4: is no encryption key of %s, and is not said again', (_, encryptionKey) => {
    const resolve = () => resolveSessionOptions({ encryptionKey }, { production: true });
    expect(resolve).toThrow('`encryptionKey`');
    const message = [resolve].map((each) => messageOf(each)).join('');
    expect(encryptionKey === '' || !message.includes(encryptionKey)).toBe(true);
  });
});

function messageOf(act: () => unknown): string {
  try {
    act();
    return '';
  } catch (error) {
    return String(error);
  }
}

describe('a session handle', () => {
  let scene: Scene;
  let holder: Holder;
  beforeAll(async () => {
    scene = await Scene.open();
    holder = await scene.login('u1');
  });
  afterAll(() => scene.close());

  it('G1: proves nothing to anybody', async () => {
    const { handle } = holder;
    const before = await scene.rows();
    for (const headers of [bearer(handle), accessCookie(handle), refreshCookie(handle)]) {
      expect((await scene.get('/me', headers)).status).toBe(401);
      expect((await scene.refresh(headers)).status).toBe(401);
      await scene.post('/auth/signout', headers);
      expect((await scene.send('DELETE', `/auth/sessions/${handle}`, headers)).status).toBe(401);
    }
    expect(await scene.rows()).toEqual(before);
  });

  it('G2: is never the caller’s choice, nor is any token', async () => {
    const chosen = newSessionHandle(1_000);
    const body = { userId: 'u2', handle: chosen, sessionHandle: chosen, refreshToken: 'nasr_x' };
    const answer = await scene.post('/login', {}, body);
    expect(holderOf(answer).handle).not.toBe(chosen);
    const sessions = scene.booted.app.get(SessionService);
    const reserved = sessions.createNewSessionWithoutRequestResponse('public', 'u2', {
      sessionHandle: chosen,
    });
    await expect(reserved).rejects.toThrow('reserved claim sessionHandle');
  });
});

describe('a copy of the database', () => {
  const encryptionKey = randomBytes(32).toString('base64');
  let scene: Scene;
  const issued: string[] = [];
  beforeAll(async () => {
    scene = await Scene.open({ sessions: { encryptionKey, antiCsrf: 'VIA_TOKEN' } });
    for (let user = 0; user < 20; user += 1) {
      let holder = await scene.login(`u${user}`);
      for (let turn = 0; turn < 3; turn += 1) {
        const { access, refresh, antiCsrf = '' } = holder;
        issued.push(access, refresh, antiCsrf);
        await scene.get('/me', accessCookie(access));
        const headers = { ...refreshCookie(refresh), 'anti-csrf': antiCsrf };
        holder = holderOf(await scene.refresh(headers), holder);
      }
    }
    await scene.settle();
  });
  afterAll(() => scene.close());

  it('S1: holds no token and no part of one', async () => {
    const text = await dump(scene.booted.dataSource);
    const parts = issued.flatMap((token) => [token, ...token.split('.').slice(2)]);
    expect(parts.filter((part) => text.includes(part))).toEqual([]);
  });

  it('S1: authenticates nobody by any value in it', async () => {
    const stored = JSON.parse(await dump(scene.booted.dataSource)) as Record<string, unknown>[][];
    const values = new Set(stored.flat().flatMap((row) => Object.values(row).map(String)));
    for (const value of [...values].filter((each) => /^[\x21-\x7e]+$/.test(each)).slice(0, 120)) {
      expect((await scene.get('/me', bearer(value))).status).toBe(401);
      expect((await scene.refresh(bearer(value))).status).toBe(401);
    }
  });

  it('S2: holds its keys encrypted, and no word of a private one', async () => {
    const keys = await scene.booted.dataSource.getRepository(SessionSigningKey).find();
    expect(keys.every(({ material }) => material.startsWith('aes-256-gcm.'))).toBe(true);
    expect(await dump(scene.booted.dataSource)).not.toMatch(/PRIVATE|"d":/);
  });

  it('S5: is shown by no function: no result has a hash, a generation or a key', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const [handle = ''] = await sessions.getAllSessionHandlesForUser('u1');
    const shown = JSON.stringify([
      await sessions.getSessionInformation(handle),
      await sessions.listSessions('u1'),
      await sessions.explain(handle),
      sessions.getJWKS(),
    ]);
    expect(shown).toContain(handle);
    expect(shown).not.toMatch(/hash|generation|secret|salt|material|"d":/i);
  });
});
