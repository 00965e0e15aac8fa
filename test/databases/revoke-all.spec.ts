import { expect, it } from 'vitest';
import type { SessionContainer } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { RevocationStore } from '../../lib/store/revocation.store.js';
import { sessionHandleCreatedAtMs } from '../../lib/tokens/session-handle.js';
import { describeOnEachDatabase } from '../support/components.js';
import { StatementLog } from '../support/statement-log.js';
import { logIn, refreshTokenOf, useFleets, type Fleet } from '../support/fleet.js';

const PARALLEL = 50;
const LATER = 5;

describeOnEachDatabase('revoking all sessions of a user', (engine) => {
  const startFleet = useFleets(engine);
  const instances = engine === 'sqlite' ? 1 : 2;

  /** One of the instances, after a millisecond that no other call has. */
  function next({ instances: all, clock, first }: Fleet, index: number) {
    clock.advanceMs(1);
    return all[index % all.length] ?? first;
  }

  async function isGood({ first }: Fleet, token: string): Promise<boolean> {
    return first.sessions.refreshSessionWithoutRequestResponse(token).then(
      () => true,
      () => false,
    );
  }

  /** Every instance learns what the others have revoked. */
  async function pollAll({ instances: all }: Fleet): Promise<void> {
    for (const { app } of all) await app.get(RevocationFeed).poll();
  }

  async function cutOffAtMs({ first }: Fleet): Promise<number> {
    const [line] = await first.app.get(RevocationStore).findCutOffs('bob');
    return line?.cutOffAtMs ?? Number.NaN;
  }

  it('X3: leaves none that was created before, however many logins are under way', async () => {
    const fleet = await startFleet({ instances });
    const early = await logIn(fleet.first);
    let revoking: Promise<string[]> = Promise.resolve([]);
    const logins: Promise<SessionContainer>[] = [];
    for (let index = 0; index < PARALLEL; index += 1) {
      logins.push(logIn(next(fleet, index)));
      if (index === PARALLEL / 2) {
        const { sessions } = next(fleet, index);
        revoking = sessions.revokeAllSessionsForUser('bob');
      }
      if (index % 10 === 0) await new Promise(setImmediate);
    }
    const revoked = await revoking;
    for (let index = 0; index < LATER; index += 1) logins.push(logIn(next(fleet, index)));
    const sessions = [early, ...(await Promise.all(logins))];
    await pollAll(fleet);
    const cutOffMs = await cutOffAtMs(fleet);
    const after = await logIn(fleet.first);
    const alive = new Set(await fleet.first.sessions.getAllSessionHandlesForUser('bob'));
    for (const session of sessions) {
      const handle = session.getHandle();
      const isBefore = sessionHandleCreatedAtMs(handle) < cutOffMs;
      expect(alive.has(handle)).toBe(!isBefore && !revoked.includes(handle));
      expect(await isGood(fleet, refreshTokenOf(session))).toBe(alive.has(handle));
    }
    expect(alive.has(after.getHandle())).toBe(true);
    expect(await isGood(fleet, refreshTokenOf(after))).toBe(true);
    expect(alive.size).toBeGreaterThan(LATER);
    expect(alive.size).toBeLessThanOrEqual(PARALLEL + LATER);
  });

  it('ends sessions in the midst of their refresh', async () => {
    const fleet = await startFleet({ instances });
    const sessions = await Promise.all(
      Array.from({ length: PARALLEL }, (_, index) => logIn(next(fleet, index))),
    );
    const refreshed: string[] = [];
    const refreshing = sessions.map(async (session, index) => {
      const instance = next(fleet, index);
      if (index === PARALLEL / 2) await fleet.first.sessions.revokeAllSessionsForUser('bob');
      await instance.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session)).then(
        (answer) => refreshed.push(refreshTokenOf(answer)),
        () => undefined,
      );
    });
    await Promise.all(refreshing);
    await pollAll(fleet);
    expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
    for (const token of [...refreshed, ...sessions.map(refreshTokenOf)]) {
      expect(await isGood(fleet, token)).toBe(false);
    }
    expect(await isGood(fleet, refreshTokenOf(await logIn(fleet.first)))).toBe(true);
    expect(fleet.instances.flatMap(({ events }) => events)).not.toContain('theftDetected');
  });

  it('takes as many statements for forty sessions as for two', async () => {
    const log = new StatementLog();
    const { first } = await startFleet({
      // What asks in the background would be counted too.
      sessions: { revocation: { pollInterval: '1h', maxStaleness: false }, pruning: false },
      driver: { logging: true, logger: log },
    });
    const statements = async (userId: string, sessions: number) => {
      for (let count = 0; count < sessions; count += 1) await logIn(first, userId);
      const from = log.length;
      expect(await first.sessions.revokeAllSessionsForUser(userId)).toHaveLength(sessions);
      return log.since(from).filter(({ sql }) => /auth_session\b|_revocation\b/.test(sql)).length;
    };
    expect(await statements('bob', 40)).toBe(await statements('eve', 2));
  });

  // On the one connection of SQLite nothing is committed later.
  if (engine === 'sqlite') return;

  it('ends a session whose login was committed later', async () => {
    const fleet = await startFleet({ instances });
    const { first, clock } = fleet;
    const late = await first.dataSource.transaction(async (manager) => {
      const session = await logIn({ sessions: first.sessions.withManager(manager) });
      clock.advanceMs(1);
      expect(await fleet.instances[1]?.sessions.revokeAllSessionsForUser('bob')).toEqual([]);
      return session;
    });
    await pollAll(fleet);
    expect(await isGood(fleet, refreshTokenOf(late))).toBe(false);
  });
});
