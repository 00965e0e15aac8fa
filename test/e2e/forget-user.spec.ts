import { Body, Controller, Get, Post } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import {
  CreateSession,
  Session,
  SessionRevocation,
  SessionService,
  SessionSigningKey,
  VerifySession,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { SessionRevoker } from '../../lib/session/end/session-revoker.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { bootApp, type BootOptions } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';

interface Login {
  userId: string;
  tenantId: string;
}

@Controller()
class AppController {
  @Post('login')
  @CreateSession<Login>({ userId: ({ userId }) => userId, tenantId: ({ tenantId }) => tenantId })
  login(@Body() body: Login): Login {
    return body;
  }

  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }
}

describeOnEachDatabase('a user who is forgotten', (engine) => {
  it('is named by one line while logins and tokens of before may live, and then by no row, is logged out everywhere, and others are left alone', async () => {
    const database = await createTestDatabase(engine);
    const boot = () => bootApp({ database: database.options, controllers: [AppController] });
    const [here, there] = [await boot(), await boot()];
    const sessions = here.app.get(SessionService);
    const login = async (userId: string, tenantId = 'a') => {
      const client = here.client();
      expect((await client.post('/login', { userId, tenantId })).status).toBe(201);
      return client;
    };
    const dump = async () => {
      const tables = [Session, SessionRevocation, SessionSigningKey] as unknown[];
      const rows = await Promise.all(
        tables.map((table) => here.dataSource.getRepository(table as typeof Session).find()),
      );
      return rows.flat().map((row) => JSON.stringify(row));
    };

    const erased = [await login('carol-x'), await login('carol-x', 'b')];
    const others = [await login('carol-y'), await login('CAROL-X'), await login('bob')];
    // What names the user beside the sessions: an end, a cut-off, a mark, and an act of theirs.
    await sessions.revokeSession(
      String((await sessions.getAllSessionHandlesForUser('carol-x', 'b'))[0]),
    );
    erased.push(await login('carol-x', 'b'));
    await sessions.revokeAllSessionsForUser('carol-x', 'c');
    await sessions.markClaimsStale('carol-x');
    const [target] = await sessions.getAllSessionHandlesForUser('bob');
    await sessions.revokeSession(String(target), { by: 'carol-x' });
    await sessions.revokeAllSessionsForUser('bob', undefined, { by: 'carol-y' });
    const before = (await dump()).filter((row) => !row.includes('carol-x'));

    await sessions.forgetUser('carol-x');

    const after = await dump();
    const naming = after.filter((row) => row.includes('carol-x'));
    expect(naming.map((row) => JSON.parse(row) as object)).toMatchObject([{ kind: 'cut-off' }]);
    expect(after).toEqual(expect.arrayContaining(before));
    await there.app.get(RevocationFeed).poll();
    for (const client of erased) {
      const headers = { cookie: await client.jar.getCookieString(client.baseUrl) };
      for (const instance of [here, there]) {
        expect((await instance.client().get('/me', { headers })).status).toBe(401);
        const refreshed = await instance
          .client()
          .post('/auth/session/refresh', undefined, { headers });
        expect(refreshed.status).toBe(401);
      }
    }
    const statuses = others.map(async (client) => (await client.get('/me')).status);
    expect(await Promise.all(statuses)).toEqual([200, 200, 401]);
    // The longest life of an access token, and ten minutes.
    here.clock.advanceMs(70 * 60_000);
    await here.app.get(SessionPruner).prune();
    expect((await dump()).filter((row) => row.includes('carol-x'))).toEqual([]);
    await Promise.all([here.close(), there.close()]);
    await database.drop();
  });

  async function startWithCarol(options: BootOptions['sessions'] = {}) {
    const database = await createTestDatabase(engine);
    const booted = await bootApp({
      database: database.options,
      controllers: [AppController],
      sessions: options,
    });
    const sessions = booted.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('a', 'carol');
    const lines = async () => {
      const all = await booted.dataSource.getRepository(SessionRevocation).find();
      return all.filter(({ kind }) => kind === 'session');
    };
    const end = async () => {
      vi.restoreAllMocks();
      await booted.close();
      await database.drop();
    };
    return { ...booted, sessions, session, lines, end };
  }

  it.each([
    ['the pruning', 'findExpired'],
    ['a late refresh', 'find'],
  ] as const)(
    'is named by no line of %s that found an expired session of theirs just before',
    async (name, method) => {
      const { app, clock, sessions, session, lines, end } = await startWithCarol();
      const { refreshToken = '' } = session.getAllSessionTokensDangerously();
      clock.advanceMs(101 * 24 * 3_600_000);
      const read = vi.fn(SessionStore.prototype[method] as (...given: unknown[]) => unknown);
      vi.spyOn(SessionStore.prototype, method as 'find').mockImplementationOnce(async function (
        this: SessionStore,
        ...given: unknown[]
      ) {
        const found = await read.apply(this, given);
        await sessions.forgetUser('carol');
        return found as undefined;
      });
      const asked = {
        'the pruning': () => app.get(SessionPruner).prune(),
        'a late refresh': () =>
          sessions.refreshSessionWithoutRequestResponse(refreshToken).catch(() => undefined),
      };
      await asked[name]();
      expect(read).toHaveBeenCalledTimes(1);
      expect((await lines()).map(({ userId }) => userId)).toEqual([null]);
      await end();
    },
  );

  // SQLite has one connection, which serves one transaction after the other.
  it.each(engine === 'sqlite' ? [] : ['a sign-out'])(
    'is named by no line of %s for which it has waited',
    async () => {
      const { dataSource, sessions, session, lines, end } = await startWithCarol();
      let forgetting: Promise<void> | undefined;
      await dataSource.transaction(async (manager) => {
        await sessions.withManager(manager).revokeSession(session.getHandle());
        const original = SessionRevoker.prototype.endIn;
        const hasRead = new Promise<void>((resolve) => {
          vi.spyOn(SessionRevoker.prototype, 'endIn').mockImplementationOnce(function (
            this: SessionRevoker,
            ...given
          ) {
            resolve();
            return original.apply(this, given);
          });
        });
        forgetting = sessions.forgetUser('carol');
        await hasRead;
      });
      await forgetting;
      expect((await lines()).map(({ userId }) => userId)).toEqual([null]);
      await end();
    },
  );

  it.each([{}, { revocation: false as const }])(
    'is logged out at once where a transaction forgets the user, and this instance does it again (%j)',
    async (options) => {
      const { clock, client, dataSource, sessions, session, end } = await startWithCarol(options);
      const me = async (accessToken: string) => {
        const headers = { authorization: `Bearer ${accessToken}` };
        return (await client().get('/me', { headers })).status;
      };
      clock.advanceMs(1_000);
      await dataSource.transaction((manager) => sessions.withManager(manager).forgetUser('carol'));
      await sessions.forgetUser('carol');
      expect(await me(session.getAccessToken())).toBe(401);
      const next = await sessions.createNewSessionWithoutRequestResponse('a', 'carol');
      expect(await me(next.getAccessToken())).toBe(200);
      await end();
    },
  );

  it('is no longer named by what ended them before, however long ends are kept', async () => {
    const { app, clock, dataSource, sessions, end } = await startWithCarol();
    await sessions.revokeAllSessionsForUser('carol');
    await sessions.forgetUser('carol');
    clock.advanceMs(1_000);
    await sessions.forgetUser('carol');
    const named = () => dataSource.getRepository(SessionRevocation).countBy({ userId: 'carol' });
    expect(await named()).toBe(1);
    clock.advanceMs(70 * 60_000);
    await app.get(SessionPruner).prune();
    expect(await named()).toBe(0);
    await end();
  });

  it('stays where the transaction is rolled back, and goes where it is committed', async () => {
    const database = await createTestDatabase(engine);
    const booted = await bootApp({ database: database.options, controllers: [AppController] });
    const sessions = booted.app.get(SessionService);
    await booted.client().post('/login', { userId: 'carol', tenantId: 'a' });
    const forget = (then: () => void) =>
      booted.dataSource.transaction(async (manager) => {
        await sessions.withManager(manager).forgetUser('carol');
        then();
      });
    await expect(
      forget(() => {
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await sessions.listSessions('carol')).toHaveLength(1);
    await forget(() => undefined);
    expect(await sessions.listSessions('carol')).toEqual([]);
    await booted.close();
    await database.drop();
  });
});
