import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionService, SessionSigningKey } from '../../lib/index.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { Deployment, tokensOf, type Instance, type Tokens } from '../support/instances.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ES256 = { signing: { algorithm: 'ES256' } } as const;
const RS256 = { signing: { algorithm: 'RS256' } } as const;

function kidOf({ accessToken }: Tokens): string {
  return decodeProtectedHeader(accessToken).kid ?? '';
}

function algorithmOf({ accessToken }: Tokens): string | undefined {
  return decodeProtectedHeader(accessToken).alg;
}

function published({ booted }: Instance): string[] {
  const { keys } = booted.app.get(SessionService).getJWKS();
  return keys.map(({ kid }) => kid);
}

async function storedKids({ booted }: Instance): Promise<string[]> {
  const rows = await booted.dataSource.getRepository(SessionSigningKey).findBy({ kind: 'dynamic' });
  return rows.map(({ kid }) => kid);
}

describe('a change of `signing.algorithm`', () => {
  let deployment: Deployment;
  beforeEach(async () => {
    deployment = await Deployment.on('sqlite');
  });
  afterEach(() => deployment.end());

  async function restart(sessions: typeof ES256 | typeof RS256): Promise<Instance> {
    await deployment.stop();
    return deployment.start(sessions);
  }

  /** Lets time pass, in which the user stays: the next key is made as soon as it is due. */
  async function pass(instance: Instance, days: number, tokens: Tokens): Promise<Tokens> {
    let current = tokens;
    for (let day = 0; day < days; day += 1) {
      deployment.clock.advanceMs(DAY);
      current = tokensOf(await instance.refresh(current), current);
      // Not while the clock moves on.
      const { making } = instance.booted.app.get(KeyRing) as {
        making: ReadonlyMap<string, Promise<void>>;
      };
      await Promise.all(making.values());
    }
    return current;
  }

  it.each([0, 1, 6, 30])(
    'that one process starts with breaks no login of the others, whose key is %i days old',
    async (days) => {
      await (await deployment.start(ES256)).login('u1');
      deployment.clock.advanceMs(days * DAY);
      await restart(RS256);
      const instance = await restart(ES256);
      deployment.clock.advanceMs(HOUR + 3 * MINUTE);
      const tokens = await instance.login('u2');
      expect(algorithmOf(tokens)).toBe('ES256');
      expect((await instance.me(tokens)).status).toBe(200);
      expect(published(instance)).toContain(kidOf(tokens));
      deployment.clock.advanceMs(HOUR - 1_000);
      expect((await instance.me(tokens)).status).toBe(200);
    },
  );

  it('can be undone within the hour and after weeks, and each token lives its time', async () => {
    let tokens = await (await deployment.start(ES256)).login('u1');
    for (const [sessions, days] of [
      [RS256, 0],
      [ES256, 3],
      [RS256, 20],
      [ES256, 20],
      [RS256, 1],
    ] as const) {
      const instance = await restart(sessions);
      expect((await instance.me(tokens)).status).toBe(200);
      const next = tokensOf(await instance.refresh(tokens), tokens);
      expect(algorithmOf(next)).toBe(sessions.signing.algorithm);
      deployment.clock.advanceMs(HOUR - 2_000);
      expect((await instance.me(next)).status).toBe(200);
      tokens = await pass(instance, days, next);
    }
  });

  it('may stay half done: instances of both serve the same users for weeks, with a handful of keys', async () => {
    const es256 = await deployment.start(ES256);
    const rs256 = await deployment.start(RS256);
    let tokens = await es256.login('u1');
    for (let round = 0; round < 60; round += 1) {
      deployment.clock.advanceMs(DAY);
      tokens = tokensOf(await (round % 3 === 0 ? es256 : rs256).refresh(tokens), tokens);
      for (const instance of [es256, rs256]) {
        expect((await instance.me(tokens)).status).toBe(200);
        expect(published(instance).length).toBeLessThanOrEqual(4);
      }
    }
  });

  it('retires no key by one that took a day to make, before the others have seen it', async () => {
    const instance = await deployment.start(RS256);
    const tokens = await instance.login('u1');
    deployment.clock.advanceMs(7 * DAY);
    await instance.refresh(tokens);
    deployment.clock.advanceMs(DAY);
    const keys = instance.booted.dataSource.getRepository(SessionSigningKey);
    await expect.poll(() => keys.countBy({ kind: 'dynamic' })).toBe(2);
    const [next] = await keys.find({ where: { kind: 'dynamic' }, order: { activeAt: 'DESC' } });
    expect(Number(next?.activeAt)).toBeGreaterThan(deployment.clock.now());
  });

  it('leaves the former key published while an instance that is late may sign with it, and then deletes it', async () => {
    const former = await deployment.start(ES256);
    const old = kidOf(await former.login('u1'));
    const instance = await deployment.start(RS256);
    let tokens = await instance.login('u2');
    tokens = await pass(instance, 6, tokens);
    const late = await former.login('u3');
    expect(kidOf(late)).toBe(old);
    expect((await instance.me(late)).status).toBe(200);
    expect(published(instance)).toContain(old);
    tokens = await pass(instance, 2, tokens);
    expect(published(instance)).not.toContain(old);
    await pass(instance, 8, tokens);
    expect(await storedKids(instance)).not.toContain(old);
  });
});
