import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  Session,
  SessionEventBus,
  SessionService,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { refreshTokenOf } from '../support/fleet.js';

/** The ways in which the session of who acts can end, each on the instance where it began. */
const ENDINGS: readonly (readonly [
  string,
  (sessions: SessionService, actor: SessionContainer) => Promise<unknown>,
])[] = [
  ['it is revoked', (sessions, actor) => sessions.revokeSession(actor.getHandle())],
  ['all of the actor’s are', (sessions) => sessions.revokeAllSessionsForUser('admin')],
  ['all of the actor’s tenant are', (sessions) => sessions.revokeAllSessionsOfTenant('staff')],
  ['the actor is forgotten', (sessions) => sessions.forgetUser('admin')],
  ['everything is revoked', (sessions) => sessions.revokeEverything()],
  [
    'a spent token of it comes back',
    async (sessions, actor) => {
      const first = refreshTokenOf(actor);
      const second = await sessions.refreshSessionWithoutRequestResponse(first);
      await sessions.getSessionWithoutRequestResponse(second.getAccessToken());
      await sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(second));
      await sessions.refreshSessionWithoutRequestResponse(first).catch(() => undefined);
    },
  ],
];

describeOnEachDatabase('a session in which somebody acts as its user', (engine) => {
  let database: TestDatabase;
  let clock: FakeClock;
  let instances: BootedApp[];

  beforeEach(async () => {
    database = await createTestDatabase(engine);
    clock = new FakeClock();
    instances = [];
    for (let count = 0; count < 2; count += 1) {
      instances.push(
        await bootApp({
          database: database.options,
          clock,
          sessions: {
            revocation: { pollInterval: '1h', maxStaleness: '1d' },
            refreshGracePeriod: 0,
          },
        }),
      );
    }
  });
  afterEach(async () => {
    for (const each of instances) await each.close();
    await database.drop();
  });

  const sessionsOf = (index: number) => (instances[index] as BootedApp).app.get(SessionService);
  const learn = () => (instances[1] as BootedApp).app.get(RevocationFeed).poll();

  function headerRequest(token: string): [IncomingMessage, ServerResponse] {
    const request = Object.assign(new IncomingMessage(new Socket()), { method: 'POST' });
    request.headers = { host: 'localhost', authorization: `Bearer ${token}` };
    return [request, new ServerResponse(request)];
  }

  async function actAs(
    userId: string,
    actor: SessionContainer,
    index = 0,
  ): Promise<SessionContainer> {
    const how = { actor, userId, reason: 'ticket 7' };
    return sessionsOf(index).impersonate(...headerRequest(actor.getAccessToken()), how);
  }

  async function admin(): Promise<SessionContainer> {
    return sessionsOf(0).createNewSessionWithoutRequestResponse('staff', 'admin');
  }

  const statusOn = (index: number, session: SessionContainer, checkDatabase = false) =>
    sessionsOf(index)
      .getSessionWithoutRequestResponse(session.getAccessToken(), undefined, { checkDatabase })
      .then(
        () => 'live',
        (error: { code: string }) => error.code,
      );

  it.each(ENDINGS)(
    'AS2: ends on another instance with the session of who acts, however that ends: %s',
    async (_, end) => {
      const own = await admin();
      clock.advanceMs(5);
      const acting = await actAs('ada', own);
      clock.advanceMs(5);
      expect([await statusOn(0, acting), await statusOn(1, acting)]).toEqual(['live', 'live']);
      await end(sessionsOf(0), own);
      await learn();
      expect(await statusOn(0, acting)).toBe('TRY_REFRESH_TOKEN');
      expect(await statusOn(1, acting)).toBe('TRY_REFRESH_TOKEN');
      const refresh = sessionsOf(1).refreshSessionWithoutRequestResponse(refreshTokenOf(acting));
      await expect(refresh).rejects.toMatchObject({ code: 'UNAUTHORISED' });
      expect(await sessionsOf(1).listSessions('ada')).toEqual([]);
    },
  );

  it('keeps its end, whatever is refreshed', async () => {
    const acting = await actAs('ada', await admin());
    const expiry = await acting.getExpiry();
    clock.advance('20m');
    const refreshed = await sessionsOf(1).refreshSessionWithoutRequestResponse(
      refreshTokenOf(acting),
    );
    expect(await refreshed.getExpiry()).toBe(expiry);
    expect(refreshed.getActor()).toMatchObject({ userId: 'admin', tenantId: 'staff' });
    clock.advance('41m');
    const late = sessionsOf(1).refreshSessionWithoutRequestResponse(refreshTokenOf(refreshed));
    await expect(late).rejects.toMatchObject({ code: 'UNAUTHORISED' });
    expect(await sessionsOf(1).explain(acting.getHandle())).toMatchObject({
      reason: 'expired-absolute',
      detail: 'admin',
    });
  });

  it('is gone with the row of who acts, and so is the one before it', async () => {
    const own = await admin();
    const first = await actAs('ada', own);
    const second = await actAs('bob', own);
    expect(await statusOn(0, first, true)).not.toBe('live');
    expect(await statusOn(1, second, true)).toBe('live');
    await sessionsOf(1).revokeSession(own.getHandle());
    const rows = (instances[0] as BootedApp).dataSource.getRepository(Session);
    expect(await rows.count()).toBe(0);
  });

  it('ends with the impersonation where another began at the same time', async () => {
    const counts = { impersonationStarted: 0, impersonationEnded: 0 };
    for (const { app } of instances) {
      for (const name of ['impersonationStarted', 'impersonationEnded'] as const) {
        app.get(SessionEventBus).on(name, () => void (counts[name] += 1));
      }
    }
    for (let round = 0; round < 10; round += 1) {
      const own = await admin();
      const users = ['ada', 'bob', 'cy', 'dee'];
      await Promise.all(users.map((userId, index) => actAs(userId, own, index % 2)));
      await sessionsOf(0).endImpersonation(...headerRequest(refreshTokenOf(own)));
      const rows = await (instances[0] as BootedApp).dataSource.getRepository(Session).find();
      expect(rows.filter(({ actor }) => actor !== null)).toEqual([]);
    }
    expect(counts).toEqual({ impersonationStarted: 40, impersonationEnded: 40 });
  });

  it('does not begin where the session of who acts ends at the same time, or ends with it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const own = await admin();
      clock.advanceMs(5);
      const [begun] = await Promise.all([
        actAs('ada', own).catch(() => undefined),
        sessionsOf(1).revokeSession(own.getHandle()),
      ]);
      await (instances[0] as BootedApp).app.get(RevocationFeed).poll();
      expect(begun && (await statusOn(0, begun))).not.toBe('live');
      expect(await sessionsOf(0).listSessions('ada')).toEqual([]);
    }
  });
});
