import { Controller, Get, Logger } from '@nestjs/common';
import { afterAll, expect, it, vi } from 'vitest';
import { VerifySession } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { describeOnEachServer } from '../support/components.js';
import { serverUrl } from '../support/databases.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';

const POOL_SIZE = 2;
const YEAR_MS = 365 * 24 * 3_600_000;

@Controller()
class MeController {
  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }
}

describeOnEachServer('with a database that does not answer', (engine) => {
  const startFleet = useFleets(engine, afterAll);
  const proxies: FaultProxy[] = [];
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  afterAll(async () => {
    for (const proxy of proxies.splice(0)) await proxy.end();
  });

  function refresh({ url }: Instance, token: string): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' };
    return send(`${url}/auth/session/refresh`, 'POST', { headers });
  }

  function me({ url }: Instance, accessToken: string): Promise<Answer> {
    return send(`${url}/me`, 'GET', { headers: { authorization: `Bearer ${accessToken}` } });
  }

  /** Takes every connection of the pool. @returns what gives them back */
  async function holdPool(
    { dataSource }: Instance,
    size = POOL_SIZE,
  ): Promise<() => Promise<void>> {
    const runners = Array.from({ length: size }, () => dataSource.createQueryRunner());
    await Promise.all(runners.map((runner) => runner.connect()));
    return async () => {
      await Promise.all(runners.map((runner) => runner.release()));
    };
  }

  it.concurrent.each([1, POOL_SIZE])(
    'N4: verifies on, answers 503 within seconds where a pool of %i is held by others, and loses no connection',
    async (size) => {
      const sessions = { revocation: { pollInterval: '1h' as const } };
      const { first } = await startFleet({
        controllers: [MeController],
        driver: { poolSize: size },
        sessions,
      });
      const session = await logIn(first);
      const release = await holdPool(first, size);
      const [guarded, refreshed, login] = await Promise.all([
        me(first, session.getAccessToken()),
        refresh(first, refreshTokenOf(session)),
        logIn(first).catch((error: unknown) => error),
      ]);
      expect(guarded.status).toBe(200);
      expect(refreshed.status).toBe(503);
      expect(refreshed.headers['retry-after']).toBe('5');
      expect(refreshed.setCookies).toEqual([]);
      expect(login).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });

      await release();
      expect((await refresh(first, refreshTokenOf(session))).status).toBe(200);
      // What was given up has not run after all, and the connections that came too late are back in the pool.
      expect(await first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
      await (
        await holdPool(first, size)
      )();
    },
  );

  it.concurrent(
    'needs no second connection, also in a transaction of the application',
    async () => {
      const { first, clock } = await startFleet({
        controllers: [MeController],
        driver: { poolSize: 1 },
        // Far beyond what the test takes: to wait for a connection is to fail.
        sessions: { databaseTimeout: '60s' },
      });
      const session = await first.dataSource.transaction(async (manager) => {
        const sessions = first.sessions.withManager(manager);
        const ended = await logIn({ sessions });
        await sessions.revokeAllSessionsForUser('bob');
        expect(await sessions.getSessionInformation(ended.getHandle())).toBeUndefined();
        const created = await logIn({ sessions }, 'al');
        // A session that has ended by a clock that has just jumped.
        clock.advanceMs(YEAR_MS);
        expect(await sessions.getSessionInformation(created.getHandle())).toBeUndefined();
        clock.advanceMs(-YEAR_MS);
        await sessions.updateSessionDataInDatabase(created.getHandle(), { cart: 1 });
        return created;
      });
      const answers = await Promise.all([
        me(first, session.getAccessToken()),
        refresh(first, refreshTokenOf(session)),
        refresh(first, refreshTokenOf(session)),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(await first.sessions.revokeSession(session.getHandle())).toBe(true);
    },
  );

  it.concurrent(
    'answers 503 within seconds where a lock is held by others, and goes on when it is given back',
    async () => {
      const { first } = await startFleet({ driver: { poolSize: POOL_SIZE } });
      const session = await logIn(first);
      const token = refreshTokenOf(session);
      await first.dataSource.transaction(async (manager) => {
        const sessions = first.sessions.withManager(manager);
        await sessions.updateSessionDataInDatabase(session.getHandle(), { locked: true });
        expect((await refresh(first, token)).status).toBe(503);
      });
      expect((await refresh(first, token)).status).toBe(200);
      expect(first.events).not.toContain('theftDetected');
      await (
        await holdPool(first)
      )();
    },
  );

  it.concurrent(
    'reads the revocation feed again after a connection that has gone silent',
    async () => {
      const { hostname, port } = serverUrl(engine);
      const proxy = await FaultProxy.to(new URL(`tcp://${hostname}:${port}`));
      proxies.push(proxy);
      const fleet = await startFleet();
      const other = await fleet.join(undefined, { port: proxy.port });
      const session = await logIn(fleet.first);
      await proxy.set('hang');
      await fleet.first.sessions.revokeSession(session.getHandle());
      await expect(other.app.get(RevocationFeed).poll()).rejects.toThrow(
        'session store unavailable',
      );
      await proxy.set('none');
      await vi.waitUntil(
        async () =>
          other.sessions.getSessionWithoutRequestResponse(session.getAccessToken()).then(
            () => false,
            () => true,
          ),
        { timeout: 15_000, interval: 100 },
      );
    },
  );
});
