import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { EventSubscriber, type EntitySubscriberInterface } from 'typeorm';
import { expect, it } from 'vitest';
import { CreateSession, Session, SessionService, VerifySession } from '../../lib/index.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { describeOnEachServer } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';

@Controller()
class LoginController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  @CreateSession<{ userId: string }>({ userId: (user) => user.userId })
  login(@Body() { userId }: { userId: string }): { userId: string } {
    return { userId };
  }

  @Post('password')
  @VerifySession()
  async password(@Req() request: unknown, @Res({ passthrough: true }) response: unknown) {
    await this.sessions.reauthenticate(request, response, 'bob');
  }
}

/** A subscriber of the application that fails at the wrong moment. */
@EventSubscriber()
class FailingSubscriber implements EntitySubscriberInterface {
  static isFailing = false;

  beforeTransactionRollback(): void {
    if (FailingSubscriber.isFailing) throw new Error('no audit');
  }
}

describeOnEachServer('a transaction that goes wrong', (engine) => {
  const startFleet = useFleets(engine);
  // The next statement waits for the connection, and so for the end of what was given up.
  const driver = engine === 'postgres' ? { extra: { max: 1 } } : { poolSize: 1 };

  function post({ url }: Instance, path: string, token: string): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' };
    return send(url + path, 'POST', { headers, body: { userId: 'bob' } });
  }

  it.each(['/login', '/password'])(
    'leaves the old session to a client whose %s was answered 503, however late the database goes on',
    async (path) => {
      const { instances, first } = await startFleet({
        instances: 2,
        controllers: [LoginController],
        driver,
        sessions: { databaseTimeout: '500ms', revocation: { pollInterval: '1h' } },
      });
      const session = await logIn(first);
      const [, holder] = instances as [Instance, Instance];
      const answer = await holder.dataSource.transaction(async (manager) => {
        const where = { realm: '', handle: session.getHandle() };
        await manager.findOneOrFail(Session, { where, lock: { mode: 'pessimistic_write' } });
        return post(first, path, session.getAccessToken());
      });
      expect(answer.status).toBe(503);
      expect(answer.setCookies).toEqual([]);
      const refreshed = await post(first, '/auth/session/refresh', refreshTokenOf(session));
      expect(refreshed.status).toBe(200);
      expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([
        session.getHandle(),
      ]);
    },
  );

  it.each(['evict-oldest', 'refuse'] as const)(
    'leaves no session that counts to a login that was answered 503, with the limit %s',
    async (onLimit) => {
      const { instances, first } = await startFleet({
        instances: 2,
        driver,
        sessions: { databaseTimeout: '500ms', maxSessionsPerUser: { max: 1, onLimit } },
      });
      const [, holder] = instances as [Instance, Instance];
      const { tableName } = holder.dataSource.getMetadata(Session);
      const runner = holder.dataSource.createQueryRunner();
      // Reads go on.
      const [lock, unlock] =
        engine === 'postgres'
          ? [`BEGIN; LOCK TABLE ${tableName} IN SHARE MODE`, 'ROLLBACK']
          : [`LOCK TABLES ${tableName} READ`, 'UNLOCK TABLES'];
      await runner.query(lock);
      await expect(logIn(first)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
      await runner.query(unlock);
      await runner.release();
      expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
      const { sessions } = holder;
      await expect(logIn({ sessions })).resolves.toBeDefined();
    },
  );

  const ENDINGS: Record<string, (instance: Instance, spentToken: string) => Promise<unknown>> = {
    'a theft': ({ sessions }, token) => sessions.refreshSessionWithoutRequestResponse(token),
    'a lock-out': ({ sessions }) => sessions.revokeAllSessionsForUser('bob'),
    'an end': async ({ sessions }) =>
      sessions.revokeMultipleSessions(await sessions.getAllSessionHandlesForUser('bob')),
    'an erasure': ({ sessions }) => sessions.forgetUser('bob'),
  };

  it.each(Object.keys(ENDINGS))(
    'tells of %s that was answered 503, once the database has gone on with it',
    async (name) => {
      const { instances, first, clock } = await startFleet({
        instances: 2,
        driver,
        sessions: { databaseTimeout: '500ms', revocation: { pollInterval: '1h' } },
      });
      const spent = await logIn(first);
      let live = spent;
      for (let count = 0; count < 2; count += 1) {
        clock.advanceMs(600_000);
        live = await first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(live));
      }
      clock.advanceMs(600_000);
      const use = () => first.sessions.getSessionWithoutRequestResponse(live.getAccessToken());
      await use();
      const [, holder] = instances as [Instance, Instance];
      await holder.dataSource.transaction(async (manager) => {
        const where = { realm: '', handle: spent.getHandle() };
        await manager.findOneOrFail(Session, { where, lock: { mode: 'pessimistic_write' } });
        await expect(ENDINGS[name]?.(first, refreshTokenOf(spent))).rejects.toMatchObject({
          code: 'SESSION_STORE_UNAVAILABLE',
        });
      });
      expect(await first.sessions.getSessionInformation(spent.getHandle())).toBeUndefined();
      const told = first.events.filter((each) => each === 'revoked' || each === 'theftDetected');
      expect(told).toEqual(name === 'a theft' ? ['revoked', 'theftDetected'] : ['revoked']);
      await expect(use()).rejects.toMatchObject({ reason: 'session-revoked' });
    },
  );

  it('takes no later login with it if it can’t be undone', async () => {
    const { instances, first } = await startFleet({
      instances: 2,
      driver: { ...driver, subscribers: [FailingSubscriber] },
    });
    FailingSubscriber.isFailing = true;
    const work = () => Promise.reject(new Error('no'));
    await expect(first.app.get(SessionDatabase).transaction(work)).rejects.toMatchObject({
      code: 'SESSION_STORE_UNAVAILABLE',
    });
    FailingSubscriber.isFailing = false;
    const session = await logIn(first);
    const [, other] = instances as [Instance, Instance];
    expect(await other.sessions.getSessionInformation(session.getHandle())).toBeDefined();
  });
});
