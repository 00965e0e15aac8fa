import { AsyncResource } from 'node:async_hooks';
import { Agent } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { SessionEventBus, type SessionService } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { describeOnEachDatabase } from '../support/components.js';
import { useFleets, type Fleet } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';
import { tokensOf } from '../support/instances.js';
import { expectTokensUntouched } from '../support/refusal.js';
import { betweenCheckAndSession, SlowLoginController } from '../support/slow-login.controller.js';

const CUT_OFFS: readonly (readonly [string, (sessions: SessionService) => Promise<unknown>])[] = [
  ['the user’s sessions', (sessions) => sessions.revokeAllSessionsForUser('bob')],
  [
    'the user’s sessions in the tenant',
    (sessions) => sessions.revokeAllSessionsForUser('bob', 'acme'),
  ],
  ['the tenant’s sessions', (sessions) => sessions.revokeAllSessionsOfTenant('acme')],
  ['everybody’s sessions', (sessions) => sessions.revokeEverything()],
  ['the forgotten user’s sessions', (sessions) => sessions.forgetUser('bob')],
];

describeOnEachDatabase('a login whose password was looked at before', (engine) => {
  const startFleet = useFleets(engine);
  const instances = engine === 'sqlite' ? 1 : 2;
  afterEach(() => {
    betweenCheckAndSession.happens = () => undefined;
  });

  function start(sessions = {}): Promise<Fleet> {
    return startFleet({ instances, controllers: [SlowLoginController], sessions });
  }

  function logIn({ first }: Fleet, path = 'login', userId = 'bob', headers = {}): Promise<Answer> {
    return send(`${first.url}/${path}`, 'POST', { body: { userId }, headers });
  }

  /**
   * What somebody else does while the next login is under way, a second after it began and a second before it ends. It is
   * no work of that request, and so bound to the test's own context.
   */
  function meanwhile({ clock }: Fleet, happens: () => unknown): void {
    betweenCheckAndSession.happens = AsyncResource.bind(async () => {
      betweenCheckAndSession.happens = () => undefined;
      clock.advanceMs(1_000);
      await happens();
      clock.advanceMs(1_000);
    });
  }

  async function isAlive(fleet: Fleet, answer: Answer): Promise<boolean> {
    const { accessToken, refreshToken } = tokensOf(answer);
    const said: boolean[] = [];
    for (const { app, sessions } of fleet.instances) {
      await app.get(RevocationFeed).poll();
      const tries = [
        sessions.getSessionWithoutRequestResponse(accessToken),
        sessions.refreshSessionWithoutRequestResponse(refreshToken),
      ];
      for (const each of tries)
        said.push(
          await each.then(
            () => true,
            () => false,
          ),
        );
    }
    if (new Set(said).size !== 1) throw new Error(`the instances say ${said.join()}`);
    return said[0] ?? false;
  }

  it.each(CUT_OFFS)(
    'F8: is refused once %s are revoked, and leaves the tokens of before',
    async (_, revoke) => {
      const fleet = await start();
      const reasons: string[] = [];
      fleet.first.app.get(SessionEventBus).on('refused', ({ reason }) => void reasons.push(reason));
      for (const path of ['login', 'guard-below', 'guard-above', 'by-hand', 'without-response']) {
        const before = tokensOf(await logIn(fleet, 'login', 'eve'));
        fleet.clock.advanceMs(1_000);
        meanwhile(fleet, () => revoke(fleet.first.sessions));
        const cookie = `sAccessToken=${before.accessToken}; sRefreshToken=${before.refreshToken}`;
        const answer = await logIn(fleet, path, 'bob', { cookie });
        expect(answer.status).toBe(401);
        expectTokensUntouched(answer);
        expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
      }
      expect([...new Set(reasons)]).toEqual(['login-overtaken']);
    },
  );

  it('is let in where nobody was revoked, or somebody else, or the user in another tenant', async () => {
    const fleet = await start();
    for (const revoke of [
      () => undefined,
      () => fleet.first.sessions.revokeAllSessionsForUser('al'),
      () => fleet.first.sessions.revokeAllSessionsForUser('bob', 'other'),
      () => fleet.first.sessions.revokeAllSessionsOfTenant('other'),
    ]) {
      meanwhile(fleet, revoke);
      const answer = await logIn(fleet);
      expect(answer.status).toBe(201);
      expect(await isAlive(fleet, answer)).toBe(true);
    }
  });

  it.each(['reset', 'reset-in-transaction', 'reset-by-hand'])(
    'is let in by a reset of its own request that revokes them all (%s), unless somebody else does too',
    async (path) => {
      const fleet = await start();
      const former = await logIn(fleet);
      fleet.clock.advanceMs(1_000);
      meanwhile(fleet, () => undefined);
      const answer = await logIn(fleet, path);
      expect(answer.status).toBe(201);
      expect(await isAlive(fleet, answer)).toBe(true);
      expect(await isAlive(fleet, former)).toBe(false);
      meanwhile(fleet, () => fleet.first.sessions.revokeAllSessionsForUser('bob'));
      expect((await logIn(fleet, path)).status).toBe(401);
    },
  );

  it.each(['unlimited', 'unlimited-without-response'])(
    'is no part of the next login on its connection (%s)',
    async (path) => {
      const { first, clock } = await start();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const get = (each: string) => send(`${first.url}/${each}`, 'GET', { agent });
      try {
        expect((await get('callback')).status).toBe(200);
        clock.advanceMs(1_000);
        await first.sessions.revokeAllSessionsForUser('bob');
        clock.advanceMs(1_000);
        expect((await get(path)).status).toBe(200);
      } finally {
        agent.destroy();
      }
      const [session] = await first.sessions.listSessions('bob');
      expect(session?.timeCreated).toBe(clock.now());
    },
  );

  it.each(CUT_OFFS)(
    'is refused too where the feed is off and %s are revoked',
    async (_, revoke) => {
      const fleet = await start({ revocation: false });
      meanwhile(fleet, () => revoke(fleet.first.sessions));
      expect((await logIn(fleet)).status).toBe(401);
    },
  );

  it('is refused once the user is forgotten in a transaction, and again after it', async () => {
    const fleet = await start();
    const { dataSource, sessions } = fleet.first;
    meanwhile(fleet, async () => {
      await dataSource.transaction((manager) => sessions.withManager(manager).forgetUser('bob'));
      await sessions.forgetUser('bob');
    });
    expect((await logIn(fleet)).status).toBe(401);
    expect((await logIn(fleet)).status).toBe(201);
  });

  if (engine === 'sqlite') return;

  it.each(CUT_OFFS)(
    'is dead where another instance has revoked %s, and this one has not heard of it',
    async (_, revoke) => {
      const fleet = await start({ revocation: { pollInterval: '1h', maxStaleness: false } });
      meanwhile(fleet, () => revoke(fleet.instances[1]?.sessions ?? fleet.first.sessions));
      const answer = await logIn(fleet);
      expect(answer.status).toBe(201);
      expect(await isAlive(fleet, answer)).toBe(false);
      expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
    },
  );

  it('is dead where another instance has revoked the user’s sessions and then forgotten the user', async () => {
    const fleet = await start({ revocation: { pollInterval: '1h', maxStaleness: false } });
    const [{ sessions }] = fleet.instances.slice(1) as [(typeof fleet.instances)[number]];
    meanwhile(fleet, async () => {
      await sessions.revokeAllSessionsForUser('bob');
      await sessions.forgetUser('bob');
    });
    expect(await isAlive(fleet, await logIn(fleet))).toBe(false);
    expect(await isAlive(fleet, await logIn(fleet))).toBe(true);
  });

  it('is dead where it is made while the revocation is in a transaction that is still open', async () => {
    const fleet = await start();
    const other = fleet.instances[1] ?? fleet.first;
    let hasLooked: () => void = () => undefined;
    const looked = new Promise<void>((resolve) => (hasLooked = resolve));
    let goOn: () => void = () => undefined;
    const revoked = new Promise<void>((resolve) => (goOn = resolve));
    meanwhile(fleet, () => {
      hasLooked();
      return revoked;
    });
    const login = logIn(fleet);
    await looked;
    const answer = await other.dataSource.transaction(async (manager) => {
      await other.sessions.withManager(manager).revokeAllSessionsForUser('bob');
      goOn();
      return login;
    });
    expect(answer.status).toBe(201);
    expect(await isAlive(fleet, answer)).toBe(false);
  });
});
