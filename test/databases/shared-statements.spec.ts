import { describe, expect, it, vi } from 'vitest';
import { Session } from '../../lib/index.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { describeOnEachServer } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';

const MANY = 40;

function once(work: () => Promise<unknown>): () => Promise<unknown> {
  let begun: Promise<unknown> | undefined;
  return () => (begun ??= work());
}

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

  it('let one caller wait for a lock, and none of those beside it', async () => {
    const fleet = await startFleet();
    const { first } = fleet;
    await logInMany(fleet);
    // Handles of one millisecond have no order.
    fleet.clock.advanceMs(1);
    let waiting: Promise<string>[] = [];
    await first.dataSource.transaction(async (manager) => {
      const { tablePath, indices } = first.dataSource.getMetadata(Session);
      const ofUser = indices.find(({ columns }) => columns[0]?.propertyName === 'userId');
      await manager.query(
        // MariaDB also locks the gaps beside the user's rows, which the next login would go into.
        engine === 'mariadb'
          ? `SELECT 1 FROM ${tablePath} FORCE INDEX (${ofUser?.name}) WHERE realm = '' AND userId = 'user-7' FOR UPDATE`
          : `SELECT 1 FROM ${tablePath} WHERE "userId" = 'user-7' FOR UPDATE`,
      );
      waiting = Array.from({ length: MANY }, (_, index) => outcome(logIn(first, `user-${index}`)));
      const others = waiting.filter((_, index) => index !== 6 && index !== 7);
      expect(new Set(await Promise.all(others))).toEqual(new Set(['done']));
    });
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['done']));
    expect(await first.sessions.getAllSessionHandlesForUser('user-7')).toHaveLength(2);
  });

  describe('when another instance changes a row between its reading and its change', () => {
    /** Refreshes many sessions at once. What the other does to one of them happens before the first UPDATE. */
    async function refreshMany(overtake: (rival: Instance, token: string) => Promise<unknown>) {
      const isMariaDb = engine === 'mariadb';
      const fleet = await startFleet(
        isMariaDb ? { driver: { extra: { connectionLimit: 1 } } } : {},
      );
      const { first } = fleet;
      const rival = await fleet.join();
      // Where it is not strict, MariaDB takes many a wrong value for a right one.
      await first.dataSource.query(isMariaDb ? "SET SESSION sql_mode = ''" : 'SELECT 1');
      const tokens = (await logInMany(fleet)).map(refreshTokenOf);
      const overtaking = once(() => overtake(rival, tokens[7] ?? ''));
      const database = first.app.get(SessionDatabase);
      for (const name of ['run', 'attempt'] as const) {
        const statement = database[name].bind(database);
        vi.spyOn(database, name).mockImplementation(
          async (sql: string, parameters: readonly unknown[] = [], isOverdue = () => false) => {
            if (/\bUPDATE\b/.test(sql)) await overtaking();
            return statement(sql, parameters, isOverdue);
          },
        );
      }
      const refreshing = tokens.map((token) =>
        outcome(first.sessions.refreshSessionWithoutRequestResponse(token)),
      );
      const outcomes = await Promise.all(refreshing);
      const told = ['refreshed', 'repeated', 'theftDetected'].map(
        (name) => first.events.filter((event) => event === name).length,
      );
      return { outcomes, told, rival };
    }

    it('tell apart the one that it has refreshed', async () => {
      const { outcomes, told, rival } = await refreshMany((other, token) =>
        other.sessions.refreshSessionWithoutRequestResponse(token),
      );
      expect(new Set(outcomes)).toEqual(new Set(['done']));
      expect(told).toEqual([MANY - 1, 1, 0]);
      expect(rival.events.filter((event) => event === 'refreshed')).toHaveLength(1);
    });

    it('fail for the one that it has ended, and for none beside it', async () => {
      const { outcomes, told } = await refreshMany((other) =>
        other.sessions.revokeAllSessionsForUser('user-7'),
      );
      expect(outcomes).toEqual(outcomes.map((_, index) => (index === 7 ? 'failed' : 'done')));
      expect(told).toEqual([MANY - 1, 0, 0]);
    });
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
