import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Session,
  SessionEventBus,
  SessionRevocation,
  SessionService,
  SessionSigningKey,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { ClockCorrection } from '../../lib/store/clock-correction.js';
import { Clock } from '../../lib/time/clock.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Instance, tokensOf } from '../support/instances.js';
import { LoginController } from '../support/login.controller.js';
import { accessCookie, holderOf, refreshCookie, Scene } from '../support/scene.js';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const APART_MS = 30_000;

/** The clock of a machine that can jump. */
class JumpingClock extends Clock {
  jumpedByMs = 0;

  override now(): number {
    return super.now() + this.jumpedByMs;
  }

  get errorMs(): number {
    return Math.abs(this.now() - Date.now());
  }
}

describeOnEachServer('a machine’s clock that jumps ahead between two polls', (engine) => {
  let database: TestDatabase;
  let clock: JumpingClock;
  let booted: BootedApp;
  let instance: Instance;
  beforeEach(async () => {
    database = await createTestDatabase(engine);
    clock = new JumpingClock();
    booted = await bootApp({
      database: database.options,
      clock,
      controllers: [LoginController],
      sessions: { revocation: { pollInterval: '1h' }, refreshGracePeriod: '1m' },
    });
    instance = new Instance(booted);
  });
  afterEach(async () => {
    await booted.close();
    await database.drop();
  });

  const rows = (): Promise<number> => booted.dataSource.getRepository(Session).count();
  const newestKeyMs = async (): Promise<number> =>
    Number(await booted.dataSource.getRepository(SessionSigningKey).maximum('activeAt'));

  it('is right again within seconds', async () => {
    clock.jumpedByMs = YEAR_MS;
    await expect.poll(() => clock.errorMs, { timeout: 5_000 }).toBeLessThan(APART_MS);
  });

  it('ends no session that is refreshed', async () => {
    const tokens = await instance.login('u1');
    clock.jumpedByMs = YEAR_MS;
    expect((await instance.refresh(tokens)).status).toBe(200);
    expect(await rows()).toBe(1);
    expect(clock.errorMs).toBeLessThan(APART_MS);
  });

  it('has no session pruned', async () => {
    await instance.login('u1');
    clock.jumpedByMs = YEAR_MS;
    expect(await booted.app.get(SessionPruner).prune()).toBe(0);
    expect(await rows()).toBe(1);
  });

  it('makes nobody a thief who refreshes twice at once', async () => {
    const thefts: object[] = [];
    booted.app.get(SessionEventBus).on('theftDetected', (event) => void thefts.push(event));
    const parent = await instance.login('u1');
    const child = tokensOf(await instance.refresh(parent));
    // The child has arrived.
    expect((await instance.refresh(child)).status).toBe(200);
    clock.jumpedByMs = HOUR_MS;
    expect((await instance.refresh(parent)).status).toBe(200);
    expect(thefts).toEqual([]);
    expect(await rows()).toBe(1);
  });

  it('makes nobody a thief whose token comes with another session’s', async () => {
    const thefts: object[] = [];
    booted.app.get(SessionEventBus).on('theftDetected', (event) => void thefts.push(event));
    const parent = await instance.login('u1');
    await instance.refresh(tokensOf(await instance.refresh(parent)));
    const other = await instance.login('u2');
    clock.jumpedByMs = HOUR_MS;
    const refreshToken = `${parent.refreshToken}; sRefreshToken=${other.refreshToken}`;
    await instance.refresh({ ...parent, refreshToken });
    expect(thefts).toEqual([]);
    expect(await rows()).toBe(2);
  });

  it('still finds out who shows a token that was left behind long ago', async () => {
    const first = await instance.login('u1');
    const second = tokensOf(await instance.refresh(first));
    await instance.refresh(second);
    const longAgo = { confirmedAt: Date.now() - HOUR_MS };
    await booted.dataSource.getRepository(Session).update({ userId: 'u1' }, longAgo);
    clock.jumpedByMs = HOUR_MS;
    expect((await instance.refresh(first)).status).toBe(401);
    expect(await rows()).toBe(0);
  });

  it.each([
    ['a user’s sessions', (by: SessionService) => by.revokeAllSessionsForUser('u1')],
    [
      'a user’s sessions in a tenant',
      (by: SessionService) => by.revokeAllSessionsForUser('u1', 'public'),
    ],
    ['a tenant’s sessions', (by: SessionService) => by.revokeAllSessionsOfTenant('public')],
    ['everyone’s sessions', (by: SessionService) => by.revokeEverything()],
  ])('keeps nobody out who logs in after %s were ended in that second', async (_, endAll) => {
    const before = await instance.login('u1');
    clock.jumpedByMs = HOUR_MS;
    await endAll(booted.app.get(SessionService));
    await expect.poll(() => clock.errorMs, { timeout: 5_000 }).toBeLessThan(APART_MS);
    expect((await instance.refresh(before)).status).toBe(401);
    const after = await instance.login('u1');
    expect((await instance.refresh(after)).status).toBe(200);
  });

  it('has claims that were called stale in that second fetched no later than others', async () => {
    clock.jumpedByMs = HOUR_MS;
    await booted.app.get(SessionService).markClaimsStale('u1');
    const [line] = await booted.dataSource.getRepository(SessionRevocation).find();
    expect(Number(line?.cutOffAt)).toBeLessThan(Date.now() + APART_MS);
  });

  it('has no revocation forgotten while the database does not tell the time', async () => {
    const { accessToken } = await instance.login('u1');
    const sessions = booted.app.get(SessionService);
    await sessions.revokeMultipleSessions(await sessions.getAllSessionHandlesForUser('u1'));
    const silence = vi.spyOn(booted.app.get(ClockCorrection), 'measure');
    silence.mockRejectedValue(new Error('away'));
    clock.jumpedByMs = 3 * HOUR_MS;
    await expect(booted.app.get(RevocationFeed).poll()).rejects.toThrow('away');
    silence.mockRestore();
    clock.jumpedByMs = 0;
    await expect(sessions.getSessionWithoutRequestResponse(accessToken)).rejects.toMatchObject({
      code: 'TRY_REFRESH_TOKEN',
    });
  });

  it('makes no next signing key before its time, and no secret that waits for that time', async () => {
    clock.jumpedByMs = YEAR_MS;
    await instance.login('u1');
    await expect.poll(() => clock.errorMs, { timeout: 5_000 }).toBeLessThan(APART_MS);
    expect(await newestKeyMs()).toBeLessThan(Date.now() + APART_MS);
    clock.jumpedByMs += YEAR_MS;
    await booted.app.get(SessionService).addRefreshTokenSecret();
    expect(await newestKeyMs()).toBeLessThan(Date.now() + 2 * 60_000);
  });

  it('has a revoked key replaced by one that is in use at once', async () => {
    await instance.login('u1');
    const keys = booted.dataSource.getRepository(SessionSigningKey);
    const used = await keys.findOneByOrFail({ kind: 'dynamic' });
    clock.jumpedByMs = HOUR_MS;
    expect(await booted.app.get(SessionService).revokeKey(used.kid)).toBe(true);
    expect(await keys.countBy({ kind: 'dynamic' })).toBe(1);
    expect(await newestKeyMs()).toBeLessThan(Date.now() + APART_MS);
  });
});

describe('a clock that goes back', () => {
  const MINUTE_MS = 60_000;
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open();
  });
  afterEach(() => scene.close());

  const statusOf = async (access: string): Promise<number> =>
    (await scene.get('/me', accessCookie(access))).status;

  it('accepts no token from the future, known or not, until a minute before its time', async () => {
    const [known, unknown] = [await scene.login('u1'), await scene.login('u2')];
    expect(await statusOf(known.access)).toBe(200);
    scene.booted.clock.advanceMs(-30 * MINUTE_MS);
    for (const { access } of [known, unknown]) {
      const answer = await scene.get('/me', accessCookie(access));
      expect([answer.status, answer.json]).toMatchObject([401, { message: 'try refresh token' }]);
    }
    scene.booted.clock.advanceMs(29 * MINUTE_MS);
    expect([await statusOf(known.access), await statusOf(unknown.access)]).toEqual([200, 200]);
  });

  it('has a revocation remembered until the token that it refuses has ended', async () => {
    const { access, handle } = await scene.login('u1');
    expect(await statusOf(access)).toBe(200);
    scene.booted.clock.advanceMs(-30 * MINUTE_MS);
    expect(await scene.booted.app.get(SessionService).revokeSession(handle)).toBe(true);
    for (let minutes = 0; minutes < 90; minutes += 5) {
      scene.booted.clock.advanceMs(5 * MINUTE_MS);
      await scene.booted.app.get(RevocationFeed).poll();
      expect(await statusOf(access)).toBe(401);
    }
  });

  it('has a revocation remembered until a token has ended that a lost answer was repeated with', async () => {
    const parent = await scene.login('u1');
    const child = holderOf(await scene.refresh(refreshCookie(parent.refresh)));
    scene.booted.clock.advanceMs(50 * MINUTE_MS);
    expect(await statusOf(child.access)).toBe(200);
    await scene.settle();
    const repeated = holderOf(await scene.refresh(refreshCookie(parent.refresh)));
    scene.booted.clock.advanceMs(-40 * MINUTE_MS);
    expect(await scene.booted.app.get(SessionService).revokeSession(parent.handle)).toBe(true);
    for (let minutes = 0; minutes < 120; minutes += 5) {
      scene.booted.clock.advanceMs(5 * MINUTE_MS);
      await scene.booted.app.get(RevocationFeed).poll();
      expect(await statusOf(repeated.access)).toBe(401);
    }
  });

  it('has revocations read again that it forgot because its time was wrong', async () => {
    const { access, handle } = await scene.login('u1');
    const { app, clock, dataSource } = scene.booted;
    const feed = app.get(RevocationFeed);
    await app.get(SessionService).revokeSession(handle);
    for (let minutes = 0; minutes < 20; minutes += 1) {
      clock.advanceMs(MINUTE_MS);
      await feed.poll();
    }
    clock.advanceMs(2 * HOUR_MS);
    await dataSource.query('ALTER TABLE auth_session_revocation RENAME TO gone');
    await expect(feed.poll()).rejects.toThrow('session store');
    await dataSource.query('ALTER TABLE gone RENAME TO auth_session_revocation');
    clock.advanceMs(-2 * HOUR_MS);
    await feed.poll();
    expect(await statusOf(access)).toBe(401);
  });
});
