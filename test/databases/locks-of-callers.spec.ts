import { describe, expect, it } from 'vitest';
import type { SessionModuleOptions } from '../../lib/index.js';
import type { SessionFunctions } from '../../lib/session/session-functions.js';
import { describeOnEachServer } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets } from '../support/fleet.js';

type Work = (sessions: SessionFunctions, handles: readonly string[]) => Promise<unknown>;

/** What a transaction of the application does with Bob's sessions. */
const WORK: Readonly<Record<string, Work>> = {
  'changes the data of one': (sessions, [one = '']) =>
    sessions.updateSessionDataInDatabase(one, { cart: 1 }),
  'changes the claims of one': (sessions, [one = '']) =>
    sessions.mergeIntoAccessTokenPayload(one, { plan: 'pro' }),
  'ends one': (sessions, [one = '']) => sessions.revokeSession(one),
  'ends two of them': (sessions, handles) => sessions.revokeMultipleSessions(handles.slice(0, 2)),
  'ends all of them by their handles': (sessions, handles) =>
    sessions.revokeMultipleSessions([...handles]),
  'ends all of them': (sessions) => sessions.revokeAllSessionsForUser('bob'),
  'ends all but one': (sessions, [one = '']) => sessions.revokeOtherSessions('bob', one),
  'logs him in past the limit': (sessions) =>
    sessions.createNewSessionWithoutRequestResponse('public', 'bob'),
  'forgets him': (sessions) => sessions.forgetUser('bob'),
  'ends all of a tenant': (sessions) => sessions.revokeAllSessionsOfTenant('shop'),
};

const OPTIONS: SessionModuleOptions = { databaseTimeout: '2s', maxSessionsPerUser: 4 };

describeOnEachServer('a transaction of the application', (engine) => {
  const drivers = engine === 'mariadb' ? (['mariadb', 'mysql'] as const) : (['postgres'] as const);

  describe.each(drivers)('by the driver %s', (type) => {
    const startFleet = useFleets(engine);

    it.each(Object.entries(WORK).filter(([name]) => / (one|two|past) ?/.test(name)))(
      'that %s holds up no login of others, in a table of one session',
      async (_, work) => {
        const { first, join } = await startFleet({ sessions: OPTIONS, driver: { type } });
        const other = await join();
        const session = await logIn(first);
        await first.dataSource.transaction(async (manager) => {
          await work(first.sessions.withManager(manager), [session.getHandle()]);
          expect((await logIn(other, 'cy')).getUserId()).toBe('cy');
        });
      },
    );

    it('that ends a hundred sessions locks nobody else’s', async () => {
      const sessions = { ...OPTIONS, maxSessionsPerUser: false as const };
      const { first, join } = await startFleet({ sessions, driver: { type } });
      const other = await join();
      await Promise.all(Array.from({ length: 100 }, () => logIn(first)));
      const session = await logIn(other, 'al');
      await first.dataSource.transaction(async (manager) => {
        const inside = first.sessions.withManager(manager);
        expect(await inside.revokeAllSessionsForUser('bob')).toHaveLength(100);
        await logIn(other, 'cy');
        expect(await other.sessions.revokeSession(session.getHandle())).toBe(true);
      });
    });

    it.each(Object.entries(WORK))(
      'that %s locks nobody else’s sessions, in a table of a few rows',
      async (_, work) => {
        const { first, join } = await startFleet({ sessions: OPTIONS, driver: { type } });
        const other = await join();
        const create = (tenant: string, user: string) =>
          first.sessions.createNewSessionWithoutRequestResponse(tenant, user);
        const before = await logIn(first, 'al');
        const own = [await create('shop', 'bob'), await create('shop', 'bob')];
        const between = await logIn(first, 'al');
        for (let count = 0; count < 4; count += 1) own.push(await create('public', 'bob'));
        const after = await logIn(first, 'al');
        const handles = own.map((session) => session.getHandle());

        await first.dataSource.transaction(async (manager) => {
          await work(first.sessions.withManager(manager), handles);
          for (const each of [before, between, after]) {
            const { sessions } = other;
            const handle = each.getHandle();
            await sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(each));
            expect(await sessions.updateSessionDataInDatabase(handle, { cart: 2 })).toBe(true);
            expect(await sessions.mergeIntoAccessTokenPayload(handle, { plan: 1 })).toBe(true);
            await logIn(other, 'cy');
            expect(await sessions.revokeSession(handle)).toBe(true);
          }
        });
      },
    );
  });
});
