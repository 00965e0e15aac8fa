import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Session, SessionRevocation, SessionService } from '../../../lib/index.js';
import { SessionTally } from '../../../lib/events/session-tally.js';
import { RevocationFeed } from '../../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../../lib/session/end/session-pruner.js';
import { bootApp, type BootedApp } from '../../support/boot-app.js';
import { StatementLog } from '../../support/statement-log.js';
import { LoginController } from '../../support/login.controller.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('what is pruned', () => {
  let booted: BootedApp;
  beforeEach(async () => {
    booted = await bootApp({ controllers: [LoginController] });
  });
  afterEach(() => booted.close());

  async function passTime(milliseconds: number): Promise<void> {
    booted.clock.advanceMs(milliseconds);
    await booted.app.get(RevocationFeed).poll();
  }

  it('is the word that claims are stale, once no older token is left, and not the session', async () => {
    const client = booted.client();
    await client.post('/login', { userId: 'u1' });
    booted.clock.advanceMs(1);
    await booted.app.get(SessionService).markClaimsStale('u1');
    await passTime(2 * HOUR_MS);
    await booted.app.get(SessionPruner).prune();
    expect(await booted.dataSource.getRepository(SessionRevocation).count()).toBe(0);
    expect((await client.post('/auth/session/refresh')).status).toBe(200);
  });

  describe.each([
    ['of the user', (sessions: SessionService) => sessions.revokeAllSessionsForUser('u1')],
    ['of everyone', (sessions: SessionService) => sessions.revokeEverything()],
  ])('is a row that was committed after a cut-off %s', (_, revokeAll) => {
    it('with the line that ends it, and until then its refresh token is refused', async () => {
      const rows = booted.dataSource.getRepository(Session);
      const client = booted.client();
      await client.post('/login', { userId: 'u1' });
      const late = await rows.findOneByOrFail({ userId: 'u1' });
      booted.clock.advanceMs(1);
      await revokeAll(booted.app.get(SessionService));
      const token = await client.cookie('sRefreshToken');
      const headers = { cookie: `sRefreshToken=${token}` };
      // No access token is left that the line could be about.
      await passTime(2 * HOUR_MS);
      await rows.insert(late);
      const answer = await booted.client().post('/auth/session/refresh', undefined, { headers });
      expect(answer.status).toBe(401);
      await rows.insert(late);
      await passTime(8 * DAY_MS);
      await booted.app.get(SessionPruner).prune();
      expect(await rows.count()).toBe(0);
      expect(await booted.dataSource.getRepository(SessionRevocation).count()).toBe(0);
    });
  });
});

describe('expired sessions whose rows were deleted', () => {
  it('are counted, whether the pruning or a refresh has found them', async () => {
    const booted = await bootApp({ controllers: [LoginController] });
    const client = booted.client();
    await client.post('/login', { userId: 'u1' });
    await booted.client().post('/login', { userId: 'u2' });
    const headers = { cookie: `sRefreshToken=${await client.cookie('sRefreshToken')}` };
    booted.clock.advanceMs(101 * DAY_MS);
    for (let n = 0; n < 2; n += 1) {
      const answer = await booted.client().post('/auth/session/refresh', undefined, { headers });
      expect(answer.status).toBe(401);
    }
    expect(booted.app.get(SessionTally).pruned).toBe(1);
    expect(await booted.app.get(SessionPruner).prune()).toBe(1);
    expect(booted.app.get(SessionTally).pruned).toBe(2);
    await booted.close();
  });

  it('are not those that a cut-off has ended', async () => {
    const booted = await bootApp({ controllers: [LoginController] });
    const rows = booted.dataSource.getRepository(Session);
    const client = booted.client();
    await client.post('/login', { userId: 'u1' });
    const late = await rows.findOneByOrFail({ userId: 'u1' });
    booted.clock.advanceMs(1);
    await booted.app.get(SessionService).revokeAllSessionsForUser('u1');
    await rows.insert(late);
    const headers = { cookie: `sRefreshToken=${await client.cookie('sRefreshToken')}` };
    const answer = await booted.client().post('/auth/session/refresh', undefined, { headers });
    expect([answer.status, await rows.count()]).toEqual([401, 0]);
    expect(booted.app.get(SessionTally).pruned).toBe(0);
    await booted.close();
  });
});

describe('what was refreshed meanwhile', () => {
  it('is not pruned, also where the clock goes back after the expired rows were read', async () => {
    const log = new StatementLog();
    const booted = await bootApp({
      controllers: [LoginController],
      database: { type: 'better-sqlite3', database: ':memory:', logging: true, logger: log },
    });
    await booted.client().post('/login', { userId: 'u1' });
    const rows = booted.dataSource.getRepository(Session);
    const { expiresAt } = await rows.findOneByOrFail({ userId: 'u1' });
    booted.clock.advanceMs(expiresAt - booted.clock.now());
    const connection = Reflect.get(booted.dataSource.driver, 'databaseConnection') as {
      exec(sql: string): void;
    };
    log.onNext(/^BEGIN/, () => {
      booted.clock.advanceMs(-1_000);
      connection.exec(`UPDATE auth_session SET expiresAt = ${expiresAt + DAY_MS}`);
    });
    expect(await booted.app.get(SessionPruner).prune()).toBe(0);
    expect(booted.app.get(SessionTally).pruned).toBe(0);
    expect(booted.clock.now()).toBe(expiresAt - 1_000);
    expect(await rows.countBy({ userId: 'u1' })).toBe(1);
    await booted.close();
  });
});
