import { expect, it } from 'vitest';
import { Session } from '../../lib/index.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { describeOnEachServer } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Fleet } from '../support/fleet.js';

const MANY = 40;

describeOnEachServer('statements that callers share', (engine) => {
  const startFleet = useFleets(engine);
  const logInMany = ({ first }: Fleet) =>
    Promise.all(Array.from({ length: MANY }, (_, index) => logIn(first, `user-${index}`)));
  const outcome = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      () => 'failed',
    );

  it('bring each caller its own session, created, read and refreshed', async () => {
    const fleet = await startFleet({ sessions: { refreshGracePeriod: 0 } });
    const { sessions } = fleet.first;
    let tokens = (await logInMany(fleet)).map(refreshTokenOf);
    for (let round = 0; round < 3; round += 1) {
      const refreshed = await Promise.all(
        tokens.map((token) => sessions.refreshSessionWithoutRequestResponse(token)),
      );
      expect(refreshed.map((session) => session.getUserId())).toEqual(
        tokens.map((_, index) => `user-${index}`),
      );
      tokens = refreshed.map(refreshTokenOf);
      const read = await Promise.all(
        refreshed.map((session) => sessions.getSessionInformation(session.getHandle())),
      );
      expect(read.map((session) => session?.userId)).toEqual(
        tokens.map((_, index) => `user-${index}`),
      );
    }
    expect(fleet.first.events).not.toContain('theftDetected');
  });

  it('fail for the one that the database refuses, and for none beside it', async () => {
    const fleet = await startFleet();
    const store = fleet.first.app.get(SessionStore);
    const session = await logIn(fleet.first);
    const existing = await store.find(session.getHandle());
    if (existing === undefined) throw new Error('no row');
    const nowMs = fleet.clock.now();
    const records = Array.from({ length: MANY }, (_, index) =>
      index === 7 ? existing : { ...existing, handle: newSessionHandle(nowMs) },
    );
    const outcomes = await Promise.all(records.map((record) => outcome(store.insert(record))));
    expect(outcomes).toEqual(records.map((_, index) => (index === 7 ? 'failed' : 'done')));
    const found = await Promise.all(records.map(({ handle }) => store.find(handle)));
    expect(found).toEqual(records);
  });

  it('fail for the one whose row cannot be read, and for none beside it', async () => {
    const fleet = await startFleet({ sessions: { refreshGracePeriod: 0 } });
    const { first } = fleet;
    const logins = await logInMany(fleet);
    const handle = logins[7]?.getHandle() ?? '';
    await first.dataSource.getRepository(Session).update({ handle }, { accessTokenPayload: '{' });
    const outcomes = await Promise.all(
      logins.map((session) =>
        outcome(first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session))),
      ),
    );
    expect(outcomes).toEqual(logins.map((_, index) => (index === 7 ? 'failed' : 'done')));
    expect(first.events).not.toContain('theftDetected');
  });

  it('wait for no transaction of the application, but for the session that it holds', async () => {
    const fleet = await startFleet({ sessions: { refreshGracePeriod: 0 } });
    const { first } = fleet;
    const logins = await logInMany(fleet);
    const held = logins[7];
    if (held === undefined) throw new Error('no session');
    let refreshing: Promise<string>[] = [];
    await first.dataSource.transaction(async (manager) => {
      await first.sessions.withManager(manager).revokeSession(held.getHandle());
      refreshing = logins.map((session) =>
        outcome(first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session))),
      );
      const others = refreshing.filter((_, index) => index !== 7);
      expect(new Set(await Promise.all(others))).toEqual(new Set(['done']));
      expect(await Promise.all([logIn(first), logIn(first)])).toHaveLength(2);
    });
    expect(await refreshing[7]).toBe('failed');
    expect(await first.sessions.getSessionInformation(held.getHandle())).toBeUndefined();
  });

  it('are not shared by what is part of a transaction, and is undone with it', async () => {
    const fleet = await startFleet();
    const { first } = fleet;
    let inside: string[] = [];
    let outside: string[] = [];
    const transaction = first.dataSource.transaction(async (manager) => {
      const sessions = first.sessions.withManager(manager);
      const both = await Promise.all([
        logIn({ sessions }),
        logIn(first),
        logIn({ sessions }),
        logIn(first),
      ]);
      [inside, outside] = [0, 1].map((start) =>
        both.filter((_, index) => index % 2 === start).map((each) => each.getHandle()),
      ) as [string[], string[]];
      throw new Error('undone');
    });
    await expect(transaction).rejects.toThrow('undone');
    const left = await first.sessions.getAllSessionHandlesForUser('bob');
    expect(left.toSorted()).toEqual(outside.toSorted());
    expect(left).not.toEqual(expect.arrayContaining(inside));
  });
});
