import { Controller, Get } from '@nestjs/common';
import { afterEach, describe, expect, inject, it } from 'vitest';
import {
  Session,
  SessionSigningKey,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import {
  logIn,
  refreshTokenOf,
  useFleets,
  type Fleet,
  type FleetOptions,
  type Instance,
} from '../support/fleet.js';
import { createClusterDatabase, galeraNodes } from '../support/galera-cluster.js';
import { send, type Answer } from '../support/http-client.js';

const SESSION = '`auth_session`';
const FEED = '`auth_session_revocation`';
const BEGIN = 'FOR SELECT 1';
const WITHOUT_TIMERS = { revocation: { pollInterval: '1h' } } as const;

@Controller()
class StrictController {
  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): object {
    return {};
  }
}

describe('on a node that lags behind the one where it was just committed,', () => {
  const nodes = galeraNodes(inject('cluster'));
  const [, late] = nodes;
  if (late === undefined) throw new Error('no second node');
  const startFleet = useFleets(() => createClusterDatabase(nodes));
  const startBesideLateNode = useFleets(async () => {
    const database = await createClusterDatabase(nodes);
    await late.hold();
    return database;
  });
  afterEach(async () => {
    await late.letGo();
    await late.query('SET GLOBAL wsrep_sync_wait = DEFAULT');
  });

  /** An instance on a node that is up to date, and one on a node that is late from now on. */
  async function start(options: FleetOptions = {}): Promise<Fleet & { other: Instance }> {
    const controllers = [StrictController];
    const sessions = { ...WITHOUT_TIMERS, ...options.sessions };
    const fleet = await startFleet({ instances: 2, controllers, ...options, sessions });
    const [, other = fleet.first] = fleet.instances;
    return { ...fleet, other };
  }

  /** Does something on the late node, which catches up once that is seen to wait for it. */
  async function meanwhile<T>(words: string, work: Promise<T>): Promise<T> {
    await late?.untilWaiting(words);
    await late?.letGo();
    return work;
  }

  function strict({ url }: Instance, session: SessionContainer): Promise<Answer> {
    const headers = { authorization: `Bearer ${session.getAccessToken()}` };
    return send(`${url}/strict`, 'GET', { headers });
  }

  function refresh({ url }: Instance, refreshToken: string): Promise<Answer> {
    const headers = { cookie: `sRefreshToken=${refreshToken}` };
    return send(`${url}/auth/session/refresh`, 'POST', { headers });
  }

  it('an ordinary read sees nothing of a login', async () => {
    const { first, other } = await start();
    await late.hold();
    await logIn(first);
    expect(await other.dataSource.getRepository(Session).count()).toBe(0);
  });

  it('a login is known to a route that asks the database', async () => {
    const { first, other } = await start();
    await late.hold();
    const session = await logIn(first);
    expect(await meanwhile(SESSION, strict(other, session))).toMatchObject({ status: 200 });
  });

  it('a login can be refreshed', async () => {
    const { first, other } = await start();
    await late.hold();
    const token = refreshTokenOf(await logIn(first));
    expect(await meanwhile(SESSION, refresh(other, token))).toMatchObject({ status: 200 });
  });

  it('a login can be revoked', async () => {
    const { first, other } = await start();
    await late.hold();
    const session = await logIn(first);
    const revoking = other.sessions.revokeSession(session.getHandle());
    expect(await meanwhile(BEGIN, revoking)).toBe(true);
    expect(await refresh(first, refreshTokenOf(session))).toMatchObject({ status: 401 });
  });

  it('a login counts', async () => {
    const sessions = { maxSessionsPerUser: 2 };
    const { first, other, clock } = await start({ sessions });
    await late.hold();
    for (let count = 0; count < 2; count += 1) {
      await logIn(first);
      clock.advanceMs(1);
    }
    await meanwhile(SESSION, logIn(other));
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(2);
  });

  it('the data of a login can be replaced', async () => {
    const { first, other } = await start();
    await late.hold();
    const handle = (await logIn(first)).getHandle();
    const replacing = other.sessions.updateSessionDataInDatabase(handle, { seen: true });
    expect(await meanwhile(SESSION, replacing)).toBe(true);
  });

  it('the token of a refresh is no token of the future, and its parent no theft', async () => {
    const fleet = await start();
    const { first, other } = fleet;
    const token = refreshTokenOf(await logIn(first));
    await late.hold();
    const answer = await first.sessions.refreshSessionWithoutRequestResponse(token);
    const [child, parent] = [refresh(other, refreshTokenOf(answer)), refresh(other, token)];
    expect(await meanwhile(SESSION, child)).toMatchObject({ status: 200 });
    expect(await parent).toMatchObject({ status: 200 });
    expect(fleet.instances.flatMap(({ events }) => events)).not.toContain('theftDetected');
  });

  it('a revoked session is over', async () => {
    const { first, other } = await start();
    const session = await logIn(first);
    await late.hold();
    await first.sessions.revokeSession(session.getHandle());
    expect(await meanwhile(SESSION, refresh(other, refreshTokenOf(session)))).toMatchObject({
      status: 401,
    });
    expect(await strict(other, session)).toMatchObject({ status: 401 });
  });

  it('the revocation feed brings what was revoked before it was asked', async () => {
    const { first, other } = await start();
    const token = (await logIn(first)).getAccessToken();
    await other.sessions.getSessionWithoutRequestResponse(token);
    await late.hold();
    await first.sessions.revokeAllSessionsForUser('bob');
    await meanwhile(FEED, other.app.get(RevocationFeed).poll());
    const verifying = other.sessions.getSessionWithoutRequestResponse(token);
    await expect(verifying).rejects.toThrow('try refresh token');
  });

  it('an instance that starts finds the tables and the keys that the first one has just made', async () => {
    const { first, join } = await startBesideLateNode({ sessions: WITHOUT_TIMERS });
    const other = await meanwhile(SESSION, join());
    expect(other.sessions.getJWKS().keys).toEqual(first.sessions.getJWKS().keys);
    expect(await first.dataSource.getRepository(SessionSigningKey).count()).toBe(2);
  });

  it('what takes longer than `databaseTimeout` is 503 with Retry-After, and good afterwards', async () => {
    const sessions = { databaseTimeout: '500ms' } as const;
    const { first, other } = await start({ sessions });
    await late.hold();
    const session = await logIn(first);
    const token = refreshTokenOf(session);
    for (const answer of [await refresh(other, token), await strict(other, session)]) {
      expect(answer).toMatchObject({
        status: 503,
        headers: { 'retry-after': '5' },
        setCookies: [],
      });
    }
    await late.letGo();
    const isBack = { timeout: 20_000, interval: 100 };
    await expect.poll(() => refresh(other, token), isBack).toMatchObject({ status: 200 });
  });

  it('a transaction of the application does not wait by itself', async () => {
    const { first, other } = await start();
    await late.hold();
    const handle = (await logIn(first)).getHandle();
    const found = await other.dataSource.transaction((manager) =>
      other.sessions.withManager(manager).getSessionInformation(handle),
    );
    expect(found).toBeUndefined();
  });

  it('a transaction of the application waits where the server has `wsrep_sync_wait` = 1', async () => {
    await late.query('SET GLOBAL wsrep_sync_wait = 1');
    const { first, other } = await start();
    await late.hold();
    const handle = (await logIn(first)).getHandle();
    const revoking = other.dataSource.transaction((manager) =>
      other.sessions.withManager(manager).revokeSession(handle),
    );
    expect(await meanwhile('START TRANSACTION', revoking)).toBe(true);
  });
});
