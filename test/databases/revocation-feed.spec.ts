import { Controller, Get, Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { VerifySession, type SessionContainer } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { describeOnEachServer } from '../support/components.js';
import { serverUrl } from '../support/databases.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';
import { send } from '../support/http-client.js';

const MINUTE_MS = 60_000;

@Controller()
class MeController {
  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }
}

describeOnEachServer('the revocation feed', (engine) => {
  const startFleet = useFleets(engine);
  const proxies: FaultProxy[] = [];
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.end();
  });

  const poll = ({ app }: Instance): Promise<void> => app.get(RevocationFeed).poll();

  async function isAccepted({ sessions }: Instance, session: SessionContainer): Promise<boolean> {
    return sessions.getSessionWithoutRequestResponse(session.getAccessToken()).then(
      () => true,
      () => false,
    );
  }

  async function me({ url }: Instance, session: SessionContainer): Promise<number> {
    const headers = { authorization: `Bearer ${session.getAccessToken()}` };
    return (await send(`${url}/me`, 'GET', { headers })).status;
  }

  it('X4: tells another instance of every revocation, in whatever order their transactions commit', async () => {
    const { first, clock, join } = await startFleet();
    const second = await join();
    const logins = await Promise.all(Array.from({ length: 8 }, (_, i) => logIn(first, `u${i}`)));
    const commits: (() => void)[] = [];
    const revoking = logins.map(async (session, index) => {
      await first.dataSource.transaction(async (manager) => {
        const sessions = first.sessions.withManager(manager);
        await (index % 2 === 0
          ? sessions.revokeSession(session.getHandle())
          : sessions.revokeAllSessionsForUser(`u${index}`));
        await new Promise<void>((resolve) => (commits[index] = resolve));
      });
    });
    await vi.waitUntil(() => commits.filter(Boolean).length === logins.length, 10_000);
    for (const index of [5, 0, 7, 2, 1, 6, 3, 4]) {
      clock.advanceMs(1_000);
      await poll(second);
      const session = logins[index];
      if (session === undefined) throw new Error('no session');
      expect(await isAccepted(second, session)).toBe(true);
      commits[index]?.();
      await revoking[index];
      await poll(second);
      expect(await isAccepted(second, session)).toBe(false);
    }
    await poll(first);
    for (const session of logins) expect(await isAccepted(first, session)).toBe(false);
  });

  it.each([14_000, 59_000])(
    'brings what a transaction of %i ms has committed with the next poll',
    async (openMs) => {
      const { first, join, clock } = await startFleet();
      const second = await join();
      const [ended, cutOff, stale] = [await logIn(first), await logIn(first, 'al'), 'cy'];
      await first.dataSource.transaction(async (manager) => {
        const sessions = first.sessions.withManager(manager);
        await sessions.revokeSession(ended.getHandle());
        await sessions.revokeAllSessionsForUser('al');
        await sessions.markClaimsStale(stale);
        clock.advanceMs(openMs - 1_000);
        await poll(second);
        clock.advanceMs(1_000);
      });
      expect(await isAccepted(second, ended)).toBe(true);
      await poll(second);
      expect(await isAccepted(second, ended)).toBe(false);
      expect(await isAccepted(second, cutOff)).toBe(false);
      expect(second.app.get(RevocationFeed).staleClaimsSinceMs(stale)).toBeDefined();
    },
  );

  it('brings what took almost ten minutes, though it was committed right after the long look back', async () => {
    const { first, clock, join } = await startFleet({ sessions: { accessTokenLifetime: '2h' } });
    const second = await join();
    const session = await logIn(first);
    const pollFor = async (seconds: number): Promise<void> => {
      for (let passed = 0; passed < seconds; passed += 10) {
        clock.advanceMs(10_000);
        await poll(second);
      }
    };
    await pollFor(10);
    await first.dataSource.transaction(async (manager) => {
      await first.sessions.withManager(manager).revokeSession(session.getHandle());
      // The long look back is made every thirty seconds from the start, and so at the last of these.
      await pollFor(590);
    });
    await pollFor(40);
    expect(await isAccepted(second, session)).toBe(false);
  });

  it('brings late what was committed late: after minutes within half a minute, after more within ten', async () => {
    const { first, clock, join } = await startFleet({ sessions: { accessTokenLifetime: '2h' } });
    const second = await join();
    for (const openMs of [70_000, 9 * MINUTE_MS]) {
      const session = await logIn(first);
      await first.dataSource.transaction(async (manager) => {
        await first.sessions.withManager(manager).revokeSession(session.getHandle());
        for (let ms = 0; ms < openMs; ms += 10_000) {
          clock.advanceMs(10_000);
          await poll(second);
        }
      });
      expect(await isAccepted(second, session)).toBe(true);
      clock.advanceMs(30_000);
      await poll(second);
      expect(await isAccepted(second, session)).toBe(false);
    }
    const session = await logIn(first);
    await first.dataSource.transaction(async (manager) => {
      await first.sessions.withManager(manager).revokeSession(session.getHandle());
      clock.advanceMs(30 * MINUTE_MS);
      await poll(second);
    });
    clock.advanceMs(10 * MINUTE_MS);
    await poll(second);
    expect(await isAccepted(second, session)).toBe(false);
  });

  it('refuses what was issued until the revocation was committed, ten minutes late, for as long as it lives', async () => {
    const { first, clock, join } = await startFleet();
    const second = await join();
    const refresh = (token: string): Promise<SessionContainer> =>
      second.sessions.refreshSessionWithoutRequestResponse(token);
    const session = await logIn(first);
    const spent = refreshTokenOf(session);
    await refresh(spent);
    const late = await first.dataSource.transaction(async (manager) => {
      await first.sessions.withManager(manager).revokeSession(session.getHandle());
      clock.advanceMs(10 * MINUTE_MS - 1_000);
      return refresh(spent);
    });
    clock.advanceMs(30_000);
    await poll(second);
    for (let minutes = 0; minutes < 60; minutes += 1) {
      expect(await isAccepted(second, late)).toBe(false);
      clock.advanceMs(MINUTE_MS);
      await poll(second);
    }
  });

  it.each([15_000, 2 * MINUTE_MS, 60 * MINUTE_MS])(
    'tells of a revocation at the next poll after a clock that has gone back by %i ms',
    async (milliseconds) => {
      const { first, clock, join } = await startFleet({ sessions: { accessTokenLifetime: '2h' } });
      const second = await join();
      const before = await logIn(first);
      clock.advanceMs(MINUTE_MS);
      await poll(second);
      clock.advanceMs(-milliseconds);
      await poll(second);
      for (const session of [before, await logIn(first)]) {
        clock.advanceMs(1_000);
        await first.sessions.revokeSession(session.getHandle());
        clock.advanceMs(1_000);
        await poll(second);
        expect(await isAccepted(second, session)).toBe(false);
      }
    },
  );

  it('X5: makes guarded routes ask the database where it is stale, answer 503 where that fails too, and recover by itself', async () => {
    const { hostname, port } = serverUrl(engine);
    const proxy = await FaultProxy.to(new URL(`tcp://${hostname}:${port}`));
    proxies.push(proxy);
    const fleet = await startFleet({ controllers: [MeController] });
    const other = await fleet.join(undefined, { port: proxy.port });
    const [kept, revoked] = [await logIn(fleet.first), await logIn(fleet.first, 'al')];
    expect([await me(other, kept), await me(other, revoked)]).toEqual([200, 200]);

    await proxy.set('refuse');
    await fleet.first.sessions.revokeSession(revoked.getHandle());
    fleet.clock.advanceMs(MINUTE_MS);
    await expect(poll(other)).rejects.toThrow('session store unavailable');
    expect([await me(other, kept), await me(other, revoked)]).toEqual([200, 200]);
    fleet.clock.advanceMs(1);
    expect([await me(other, kept), await me(other, revoked)]).toEqual([503, 503]);

    await proxy.set('none');
    // Whether or not the feed has been read again: until then the routes ask the database themselves.
    expect([await me(other, kept), await me(other, revoked)]).toEqual([200, 401]);
    await vi.waitUntil(() => !other.app.get(RevocationFeed).isStale, 10_000);
    expect([await me(other, kept), await me(other, revoked)]).toEqual([200, 401]);
  });

  it('is stale, too, where its last news are from a time that the clock has not come to', async () => {
    const { first, clock } = await startFleet();
    const feed = first.app.get(RevocationFeed);
    clock.advanceMs(-MINUTE_MS);
    expect(feed.isStale).toBe(false);
    clock.advanceMs(-1);
    expect(feed.isStale).toBe(true);
    await poll(first);
    expect(feed.isStale).toBe(false);
  });

  it('is believed with `maxStaleness: false`, however old it is', async () => {
    const { hostname, port } = serverUrl(engine);
    const proxy = await FaultProxy.to(new URL(`tcp://${hostname}:${port}`));
    proxies.push(proxy);
    const sessions = {
      revocation: { maxStaleness: false as const, pollInterval: '50ms' as const },
    };
    const fleet = await startFleet({ controllers: [MeController], sessions });
    const other = await fleet.join(undefined, { port: proxy.port });
    const session = await logIn(fleet.first);
    await proxy.set('refuse');
    fleet.clock.advanceMs(30 * MINUTE_MS);
    expect(await me(other, session)).toBe(200);
    await fleet.first.sessions.revokeSession(session.getHandle());
    await proxy.set('none');
    await vi.waitUntil(async () => (await me(other, session)) === 401, 10_000);
  });
});
