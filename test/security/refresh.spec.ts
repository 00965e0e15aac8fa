import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { DataSource } from 'typeorm';
import { Session, SessionEventBus, SessionService } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { platforms } from '../support/boot-app.js';
import { describeOnEachServer } from '../support/components.js';
import type { Answer } from '../support/http-client.js';
import { Deployment, tokensOf, type Instance } from '../support/instances.js';
import { QueryCounter } from '../support/query-counter.js';
import {
  expectAnswer,
  expectEachRefused,
  expectRefused,
  expectRefusedAndCleared,
  THEFT,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  holderOf,
  refreshCookie,
  REFRESH_COOKIE,
  Scene,
  setCookie,
} from '../support/scene.js';

const inMemory = { type: 'better-sqlite3', database: ':memory:', logging: true } as const;

describe.each(platforms)('a refresh token on %s', (platform) => {
  const counter = new QueryCounter();
  let scene: Scene;
  let thefts = 0;
  const repeats: string[] = [];
  beforeAll(async () => {
    scene = await Scene.open({ platform, database: { ...inMemory, logger: counter } });
    const events = scene.booted.app.get(SessionEventBus);
    events.on('theftDetected', () => void (thefts += 1));
    events.on('repeated', ({ as }) => void repeats.push(as));
  });
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => scene.close());

  const refresh = (token: string): Promise<Answer> => scene.refresh(refreshCookie(token));
  const minutes = (count: number) => scene.advance(count * 60_000);

  /** Refreshes and shows the answer's access token, so that the next refresh rotates. */
  async function rotate(token: string): Promise<string> {
    const answer = await refresh(token);
    expect(answer.status).toBe(200);
    const next = holderOf(answer);
    await scene.get('/me', accessCookie(next.access));
    await scene.settle();
    await minutes(2);
    return next.refresh;
  }

  it('R1: that comes back after its successor was used ends the session, with one event for twenty replays', async () => {
    const { refresh: r0, handle } = await scene.login('u1');
    const r2 = await rotate(await rotate(r0));
    const before = thefts;
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(r0)));
    const told = new Set(answers.map(({ status, text }) => `${status} ${text}`));
    expect([...told].every((each) => each.startsWith('401'))).toBe(true);
    expect(answers.some(({ text }) => text.includes('token theft detected'))).toBe(true);
    expect(thefts - before).toBe(1);
    expect(await scene.sessionRow(handle)).toBeNull();
    await expectRefusedAndCleared(scene, () => refresh(r2), UNAUTHORISED);
  });

  it('R2: with any one bit changed is refused without a look at any session, an event or a change', async () => {
    const { refresh: r0 } = await scene.login('u2');
    const r1 = await rotate(r0);
    const forged = [r0, r1].flatMap((token) => {
      const bytes = Buffer.from(token.slice('nasr_'.length), 'base64url');
      return Array.from(bytes, (_, index) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(index) ^ (1 << (index % 8)), index);
        return `nasr_${changed.toString('base64url')}`;
      });
    });
    const before = thefts;
    // The first of another key id asks for the keys once; from then on none does within seconds.
    await refresh(`nasr_${Buffer.concat([Buffer.of(1), randomBytes(112)]).toString('base64url')}`);
    await scene.settle();
    counter.reset();
    const statuses = new Set<number>();
    for (const token of forged) statuses.add((await refresh(token)).status);
    expect([...statuses]).toEqual([401]);
    expect(counter.count('auth_session')).toBe(0);
    await expectEachRefused(
      scene,
      forged.map((token) => () => refresh(token)).slice(0, 40),
      UNAUTHORISED,
    );
    expect(thefts).toBe(before);
    expect((await refresh(r1)).status).toBe(200);
  });

  it('R3: that is sent many times at once rotates once, and every answer is good', async () => {
    const { refresh: r0, handle } = await scene.login('u3');
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(r0)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect((await scene.sessionRow(handle))?.generation).toBe(1);
    for (const answer of answers)
      expect((await refresh(holderOf(answer).refresh)).status).toBe(200);
    expect((await refresh(r0)).status).toBe(200);
  });

  it('R4: that is repeated is told as an event each time, and writes nothing', async () => {
    const { refresh: r0, handle } = await scene.login('u4');
    await refresh(r0);
    await scene.settle();
    const row = await scene.sessionRow(handle);
    repeats.length = 0;
    for (let time = 0; time < 100; time += 1) await refresh(r0);
    await expect.poll(() => repeats).toEqual(Array.from({ length: 100 }, () => 'sibling'));
    expect(await scene.sessionRow(handle)).toEqual(row);
  });

  it('R4: that is repeated tells how long ago it was replaced, and whether from elsewhere', async () => {
    const sessions = { device: { userAgent: true } };
    const kept = await Scene.open({ platform, sessions });
    try {
      const told: object[] = [];
      const events = kept.booted.app.get(SessionEventBus);
      events.on('repeated', ({ rotatedAgoMs, isFromOtherClient }) => {
        told.push({ rotatedAgoMs, isFromOtherClient });
      });
      const { refresh: token } = await kept.login('u4', { 'user-agent': 'Firefox' });
      const ask = (agent: string) => kept.refresh({ ...refreshCookie(token), 'user-agent': agent });
      await ask('Firefox');
      kept.booted.clock.advanceMs(5_000);
      await ask('Firefox');
      await ask('curl');
      await expect
        .poll(() => told)
        .toEqual([
          { rotatedAgoMs: 5_000, isFromOtherClient: false },
          { rotatedAgoMs: 5_000, isFromOtherClient: true },
        ]);
    } finally {
      await kept.close();
    }
  });

  it('R5: rotates once however often it is used within a grace period, and a grandparent is never taken', async () => {
    const { refresh: r0, handle } = await scene.login('u5');
    const r1 = holderOf(await refresh(r0)).refresh;
    for (let time = 0; time < 3; time += 1) expect((await refresh(r1)).status).toBe(200);
    expect((await scene.sessionRow(handle))?.generation).toBe(1);
    await minutes(2);
    const r2 = await rotate(r1);
    await refresh(r2);
    expectAnswer(await refresh(r0), THEFT);
  });

  it('R7: that is ahead of its row, as after a restored backup, is no theft, and the row stays', async () => {
    const { refresh: r0, handle } = await scene.login('u7');
    const r1 = await rotate(r0);
    const repository = scene.booted.dataSource.getRepository(Session);
    const { generation, parentRefreshTokenHash } = (await scene.sessionRow(
      (await scene.login('fresh')).handle,
    )) as Session;
    await repository.update({ handle }, { generation, parentRefreshTokenHash });
    const before = thefts;
    await expectRefusedAndCleared(scene, () => refresh(r1), UNAUTHORISED);
    expect(thefts).toBe(before);
    expect(await scene.sessionRow(handle)).not.toBeNull();
  });

  it('R8: takes user, tenant and end from the row, whatever the request says', async () => {
    const { refresh: r0, handle } = await scene.login('u8');
    const body = { userId: 'admin', tenantId: 't2', exp: 9e9, sessionHandle: 'x' };
    const headers = { ...refreshCookie(r0), tenant: 't2', 'x-tenant-id': 't2' };
    const path = '/auth/session/refresh?userId=admin&tenantId=t2';
    const answer = await scene.post(path, headers, body);
    expect(holderOf(answer)).toMatchObject({ userId: 'u8', handle });
    expect(await scene.sessionRow(handle)).toMatchObject({ userId: 'u8', tenantId: 'public' });
  });

  it.each(['rotateAsPresented', 'beginGeneration'] as const)(
    'R10: does not bring back a session that is revoked while it is being refreshed, just before %s',
    async (change) => {
      const { refresh: r0, handle } = await scene.login('u10');
      const { rotateAsPresented, beginGeneration } = SessionStore.prototype;
      const revoke = () => scene.booted.app.get(SessionService).revokeSession(handle);
      vi.spyOn(SessionStore.prototype, 'rotateAsPresented').mockImplementation(async function (
        this: SessionStore,
        rotation,
      ) {
        // A database that can't say what it has changed has no such statement.
        if (change !== 'rotateAsPresented') return undefined;
        await revoke();
        return rotateAsPresented.call(this, rotation);
      });
      vi.spyOn(SessionStore.prototype, 'beginGeneration').mockImplementation(async function (
        this: SessionStore,
        ...rows
      ) {
        await revoke();
        return beginGeneration.apply(this, rows);
      });
      const answer = await refresh(r0);
      expectAnswer(answer, UNAUTHORISED);
      expect(setCookie(answer, REFRESH_COOKIE)).toBe('');
      expect(await scene.sessionRow(handle)).toBeNull();
    },
  );
});

describe('a refresh without a grace period', () => {
  it('R5: takes every token once', async () => {
    const scene = await Scene.open({ sessions: { refreshGracePeriod: 0 } });
    try {
      const { refresh: r0 } = await scene.login('u1');
      const r1 = holderOf(await scene.refresh(refreshCookie(r0))).refresh;
      const r2 = holderOf(await scene.refresh(refreshCookie(r1))).refresh;
      expectAnswer(await scene.refresh(refreshCookie(r1)), THEFT);
      await expectRefusedAndCleared(scene, () => scene.refresh(refreshCookie(r2)), UNAUTHORISED);
      await expectRefused(scene, () => scene.refresh(refreshCookie('x')), UNAUTHORISED);
    } finally {
      await scene.close();
    }
  });
});

describeOnEachServer('refreshes by several instances', (engine) => {
  let deployment: Deployment;
  let instances: Instance[];
  beforeAll(async () => {
    deployment = await Deployment.on(engine);
    instances = [await deployment.start(), await deployment.start()];
  });
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => deployment.end());

  it('R6: ask the primary for everything that decides', async () => {
    const [instance] = instances as [Instance];
    const runners = vi.spyOn(DataSource.prototype, 'createQueryRunner');
    const tokens = tokensOf(await instance.refresh(await instance.login('u1')));
    await instance.me(tokens);
    await instance.booted.app.get(RevocationFeed).poll();
    await instance.booted.app.get(SessionService).getAllSessionHandlesForUser('u1');
    expect(runners.mock.calls.length).toBeGreaterThan(3);
    expect(runners.mock.calls.filter(([mode]) => mode !== 'master')).toEqual([]);
  });

  it('R9: of one token, by many at once, leave one child and no false theft', async () => {
    const [one, two] = instances as [Instance, Instance];
    const tokens = await one.login('u2');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : two).refresh(tokens)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const rows = await one.booted.dataSource.getRepository(Session).findBy({ userId: 'u2' });
    expect(rows.map(({ generation }) => generation)).toEqual([1]);
  });
});
