import { Controller, Get } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  Session,
  sessionEntities,
  SessionHealth,
  SessionLimitException,
  SessionSigningKey,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { describeWithPostgresReplica } from '../support/components.js';
import type { TestDatabase } from '../support/databases.js';
import { logIn, refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';
import { ReplicatedPostgres } from '../support/replicated-postgres.js';

const GRACE_PERIOD_MS = 30_000;
const DAY_MS = 86_400_000;

@Controller()
class StrictController {
  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): object {
    return {};
  }
}

async function createTables({ options }: TestDatabase): Promise<void> {
  const entities = [...sessionEntities];
  const tables = new DataSource({ ...options, entities, synchronize: true });
  await tables.initialize();
  await tables.destroy();
}

describeWithPostgresReplica('beside a PostgreSQL replica that lags', () => {
  let servers: ReplicatedPostgres;
  beforeAll(async () => {
    servers = await ReplicatedPostgres.start();
  });
  afterEach(() => servers.letGo());
  afterAll(() => servers.end());
  const startFleet = useFleets(() => servers.createDatabase());
  const startWithEmptyReplica = useFleets(async () => {
    const database = await servers.createDatabase();
    await createTables(database);
    await servers.hold();
    return database;
  });

  /** Two instances, and a replica that has their tables and will have no row of what follows. */
  async function start(options: Parameters<typeof startFleet>[0] = {}): Promise<Fleet> {
    const fleet = await startFleet({ instances: 2, controllers: [StrictController], ...options });
    await servers.hold();
    return fleet;
  }

  function second({ instances, first }: Fleet): Instance {
    return instances[1] ?? first;
  }

  async function strict({ url }: Instance, session: SessionContainer): Promise<number> {
    const headers = { authorization: `Bearer ${session.getAccessToken()}` };
    return (await send(`${url}/strict`, 'GET', { headers })).status;
  }

  function refresh({ url }: Instance, token: string): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' };
    return send(`${url}/auth/session/refresh`, 'POST', { headers });
  }

  it('an ordinary read of the application goes to the replica, and sees nothing of a login', async () => {
    const { first } = await start();
    await logIn(first);
    expect(await first.dataSource.getRepository(Session).count()).toBe(0);
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
  });

  it('a login is known at once to routes that ask the database, to refreshes and to the list', async () => {
    const fleet = await start();
    const session = await logIn(fleet.first);
    for (const instance of fleet.instances) {
      expect(await strict(instance, session)).toBe(200);
      const headers = { authorization: `Bearer ${session.getAccessToken()}` };
      const list = await send(`${instance.url}/auth/sessions`, 'GET', { headers });
      expect(list.json).toMatchObject({ sessions: [{ isCurrent: true }] });
      expect(await instance.sessions.getSessionInformation(session.getHandle())).toBeDefined();
    }
    expect((await refresh(second(fleet), refreshTokenOf(session))).status).toBe(200);
  });

  it('refreshes go on through many rotations on either instance, and none is taken for theft', async () => {
    const fleet = await start();
    let token = refreshTokenOf(await logIn(fleet.first));
    for (let round = 0; round < 6; round += 1) {
      const instance = fleet.instances[round % 2] ?? fleet.first;
      const answer = await refresh(instance, token);
      expect(answer.status).toBe(200);
      token = String(answer.headers['st-refresh-token'] ?? token);
      fleet.clock.advanceMs(3 * GRACE_PERIOD_MS);
    }
    expect(fleet.instances.flatMap(({ events }) => events)).not.toContain('theftDetected');
  });

  it('a revoked session is over at once where the database is asked, and elsewhere with the next poll', async () => {
    const fleet = await start();
    const session = await logIn(fleet.first);
    expect(await strict(second(fleet), session)).toBe(200);
    await fleet.first.sessions.revokeSession(session.getHandle());
    expect(await strict(second(fleet), session)).toBe(401);
    expect((await refresh(second(fleet), refreshTokenOf(session))).status).toBe(401);
    await second(fleet).app.get(RevocationFeed).poll();
    await expect(
      second(fleet).sessions.getSessionWithoutRequestResponse(session.getAccessToken()),
    ).rejects.toThrow('try refresh token');
  });

  it('revoking all sessions of a user reaches the other instance with its next poll', async () => {
    const fleet = await start();
    const session = await logIn(fleet.first);
    const token = session.getAccessToken();
    await second(fleet).sessions.getSessionWithoutRequestResponse(token);
    await fleet.first.sessions.revokeAllSessionsForUser('bob');
    await second(fleet).app.get(RevocationFeed).poll();
    await expect(second(fleet).sessions.getSessionWithoutRequestResponse(token)).rejects.toThrow(
      'try refresh token',
    );
  });

  it('a cut-off ends a session whose login was committed after it, also without a feed', async () => {
    const fleet = await start({ sessions: { revocation: false } });
    const { first, clock } = fleet;
    const late = await first.dataSource.transaction(async (manager) => {
      const session = await logIn({ sessions: first.sessions.withManager(manager) });
      clock.advanceMs(1);
      await second(fleet).sessions.revokeAllSessionsForUser('bob');
      return session;
    });
    expect(await strict(second(fleet), late)).toBe(401);
    expect((await refresh(first, refreshTokenOf(late))).status).toBe(401);
  });

  it.each([
    ['evict-oldest', [true, true, true]],
    ['refuse', [true, true, false]],
  ] as const)('the limit of a user counts every login: %s', async (onLimit, outcomes) => {
    const fleet = await start({ sessions: { maxSessionsPerUser: { max: 2, onLimit } } });
    for (const [index, isAccepted] of outcomes.entries()) {
      fleet.clock.advanceMs(1);
      const login = logIn(fleet.instances[index % 2] ?? fleet.first);
      const outcome = login.then(
        () => true,
        (error: unknown) => !(error instanceof SessionLimitException),
      );
      expect(await outcome).toBe(isAccepted);
    }
    expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(2);
  });

  it('an instance that starts right after the one that made the keys has the same ones', async () => {
    const { first, join } = await startWithEmptyReplica();
    const other = await join();
    const session = await logIn(first);
    await other.sessions.getSessionWithoutRequestResponse(session.getAccessToken());
    expect((await refresh(other, refreshTokenOf(session))).status).toBe(200);
    expect(other.sessions.getJWKS().keys).toEqual(first.sessions.getJWKS().keys);
    const runner = first.dataSource.createQueryRunner('master');
    expect(await runner.manager.count(SessionSigningKey)).toBe(2);
    await runner.release();
  });

  it('what has expired is pruned', async () => {
    const fleet = await start();
    await logIn(fleet.first);
    fleet.clock.advanceMs(100 * DAY_MS);
    expect(await second(fleet).app.get(SessionPruner).prune()).toBe(1);
  });

  it('no statement of ours goes there, neither a read nor a write', async () => {
    const fleet = await start();
    const session = await logIn(fleet.first);
    await strict(second(fleet), session);
    await refresh(second(fleet), refreshTokenOf(session));
    await fleet.first.sessions.revokeAllSessionsForUser('bob');
    for (const { app } of fleet.instances) {
      await app.get(RevocationFeed).poll();
      await app.get(SessionPruner).prune();
    }
    expect(await servers.statementsAtReplica()).toEqual([]);
  });

  it('everything goes on while the replica is gone', async () => {
    const fleet = await start();
    await servers.stopReplica();
    const session = await logIn(fleet.first);
    expect(await strict(second(fleet), session)).toBe(200);
    expect((await refresh(second(fleet), refreshTokenOf(session))).status).toBe(200);
    expect(await fleet.first.sessions.revokeSession(session.getHandle())).toBe(true);
    expect(await strict(second(fleet), session)).toBe(401);
    expect(await second(fleet).app.get(SessionHealth).check()).toMatchObject({ status: 'up' });
    await servers.startReplica();
  });

  it('a manager that reads there is refused', async () => {
    const { first } = await start();
    const runner = first.dataSource.createQueryRunner('slave');
    expect(() => first.sessions.withManager(runner.manager)).toThrow(/reads from a replica/);
    await runner.release();
  });
});
