import type { EntityManager } from 'typeorm';
import { expect, it, vi } from 'vitest';
import { PrimitiveClaim, type SessionContainer } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import type { SessionFunctions } from '../../lib/session/session-functions.js';
import { RevocationStore } from '../../lib/store/revocation.store.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'free' });

describeOnEachDatabase('in a transaction of the application', (engine) => {
  const startFleet = useFleets(engine);
  const options = { instances: engine === 'sqlite' ? 1 : 2 };

  async function startWithAccount(): Promise<Fleet> {
    const fleet = await startFleet(options);
    await fleet.first.dataSource.query('CREATE TABLE account (password VARCHAR(10))');
    await fleet.first.dataSource.query("INSERT INTO account VALUES ('old')");
    return fleet;
  }

  async function password({ first }: Fleet): Promise<unknown> {
    const rows: { password: unknown }[] = await first.dataSource.query(
      'SELECT password FROM account',
    );
    return rows[0]?.password;
  }

  /** Changes the password and ends all sessions; `work` comes after it in the same transaction. */
  function changePassword(
    { first }: Fleet,
    work: (sessions: ReturnType<typeof first.sessions.withManager>) => Promise<void>,
  ): Promise<void> {
    return first.dataSource.transaction(async (manager) => {
      await manager.query("UPDATE account SET password = 'new'");
      const sessions = first.sessions.withManager(manager);
      await sessions.revokeAllSessionsForUser('bob');
      await work(sessions);
    });
  }

  async function pollAll({ instances }: Fleet): Promise<void> {
    for (const { app } of instances) await app.get(RevocationFeed).poll();
  }

  /** What every instance makes of a session's tokens: of the access token, and of the refresh token. */
  async function judgement(fleet: Fleet, session: SessionContainer): Promise<string> {
    const said = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'good',
        () => 'refused',
      );
    const judgements = new Set<string>();
    for (const { sessions } of fleet.instances) {
      const access = await said(
        sessions.getSessionWithoutRequestResponse(session.getAccessToken()),
      );
      const refresh = await said(
        sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session)),
      );
      judgements.add(`${access} ${refresh}`);
    }
    return [...judgements].join(', ');
  }

  const lines = async ({ app }: Instance) => {
    const { value: page } = await app.get(RevocationStore).pagesSince(0, 0).next();
    return page ?? [];
  };

  it('a changed password ends all sessions with its commit, on every instance, and a login in it stays', async () => {
    const fleet = await startWithAccount();
    const before = [...fleet.instances, ...fleet.instances].map((instance) => logIn(instance));
    const sessions = await Promise.all(before);
    const stranger = await logIn(fleet.first, 'al');
    fleet.clock.advanceMs(1_000);
    let inside: SessionContainer | undefined;
    await changePassword(fleet, async (inTransaction) => {
      inside = await inTransaction.createNewSessionWithoutRequestResponse('public', 'bob');
    });
    const after = await logIn(fleet.first);
    await pollAll(fleet);
    for (const session of sessions) expect(await judgement(fleet, session)).toBe('refused refused');
    if (inside === undefined) throw new Error('no session');
    for (const session of [stranger, inside, after]) {
      expect(await judgement(fleet, session)).toBe('good good');
    }
    expect(await password(fleet)).toBe('new');
  });

  it('a changed password that is rolled back has ended nothing, neither in the database nor in any memory', async () => {
    const fleet = await startWithAccount();
    const session = await logIn(fleet.first);
    const handles = await fleet.first.sessions.getAllSessionHandlesForUser('bob');
    fleet.clock.advanceMs(1_000);
    const undone = changePassword(fleet, async (inTransaction) => {
      await inTransaction.createNewSessionWithoutRequestResponse('public', 'bob');
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await judgement(fleet, session)).toBe('good good');
    await pollAll(fleet);
    expect(await judgement(fleet, session)).toBe('good good');
    expect(await password(fleet)).toBe('old');
    expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual(handles);
    expect(await lines(fleet.first)).toEqual([]);
    expect(fleet.first.events).not.toContain('revoked');
    expect(fleet.first.events.filter((name) => name === 'created')).toHaveLength(1);
  });

  it('a login that is rolled back leaves no row', async () => {
    const fleet = await startFleet(options);
    const { first } = fleet;
    let session: SessionContainer | undefined;
    const undone = first.dataSource.transaction(async (manager) => {
      const sessions = first.sessions.withManager(manager);
      session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
      expect(await sessions.getSessionInformation(session.getHandle())).toBeDefined();
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
    const token = session === undefined ? '' : refreshTokenOf(session);
    await expect(first.sessions.refreshSessionWithoutRequestResponse(token)).rejects.toThrow(
      'unauthorised',
    );
    // The keys that it was made with are good for those who come after it, on every instance.
    expect(await judgement(fleet, await logIn(first))).toBe('good good');
  });

  it('a session that has begun in it is read, changed and ended in it, and works on after the commit', async () => {
    const fleet = await startFleet(options);
    const { first, clock } = fleet;
    const { session, ended } = await first.dataSource.transaction(async (manager) => {
      const sessions = first.sessions.withManager(manager);
      const begin = () => sessions.createNewSessionWithoutRequestResponse('public', 'bob');
      const begun = { session: await begin(), ended: await begin() };
      await begun.session.setClaimValue(plan, 'gold');
      await begun.session.updateSessionDataInDatabase({ cart: 1 });
      expect(await begun.session.getExpiry()).toBeGreaterThan(clock.now());
      expect(await begun.session.getSessionDataFromDatabase()).toEqual({ cart: 1 });
      await begun.ended.revokeSession();
      await expect(begun.ended.getExpiry()).rejects.toThrow('unauthorised');
      return begun;
    });
    await pollAll(fleet);
    expect(await judgement(fleet, ended)).toBe('refused refused');
    expect(await judgement(fleet, session)).toBe('good good');
    const handle = session.getHandle();
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([handle]);
    const planOf = async () => first.sessions.getClaimValue(handle, plan);
    expect(await planOf()).toMatchObject({ value: 'gold' });
    await session.setClaimValue(plan, 'silver');
    expect(await planOf()).toMatchObject({ value: 'silver' });
    await session.revokeSession();
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
  });

  it('a session that has begun in it changes nothing by itself before a rollback, and is over after it', async () => {
    const { first } = await startFleet(options);
    let session: SessionContainer | undefined;
    const undone = first.dataSource.transaction(async (manager) => {
      const sessions = first.sessions.withManager(manager);
      session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
      await session.setClaimValue(plan, 'gold');
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await expect(session?.getExpiry()).rejects.toThrow('unauthorised');
    await expect(session?.setClaimValue(plan, 'silver')).rejects.toThrow('unauthorised');
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
  });

  it('changes of a session are seen inside, and outside once they are committed', async () => {
    const { first } = await startFleet(options);
    const handle = (await logIn(first)).getHandle();
    const change = (isUndone: boolean): Promise<void> =>
      first.dataSource.transaction(async (manager) => {
        const sessions = first.sessions.withManager(manager);
        expect(await sessions.mergeIntoAccessTokenPayload(handle, { plan: 'gold' })).toBe(true);
        expect(await sessions.updateSessionDataInDatabase(handle, { cart: 1 })).toBe(true);
        expect(await sessions.getSessionInformation(handle)).toMatchObject({
          customClaimsInAccessTokenPayload: { plan: 'gold' },
          sessionDataInDatabase: { cart: 1 },
        });
        if (isUndone) throw new Error('undone');
      });
    await expect(change(true)).rejects.toThrow('undone');
    expect(await first.sessions.getSessionInformation(handle)).toMatchObject({
      customClaimsInAccessTokenPayload: {},
      sessionDataInDatabase: {},
    });
    await change(false);
    expect(await first.sessions.getSessionInformation(handle)).toMatchObject({
      customClaimsInAccessTokenPayload: { plan: 'gold' },
      sessionDataInDatabase: { cart: 1 },
    });
  });

  /** Whether this instance takes a session's access token, without a question to the database. */
  const isTaken = ({ first }: Fleet, session: SessionContainer): Promise<boolean> =>
    first.sessions.getSessionWithoutRequestResponse(session.getAccessToken()).then(
      () => true,
      () => false,
    );

  const ENDINGS: Record<
    string,
    (sessions: SessionFunctions, session: SessionContainer) => Promise<unknown>
  > = {
    'is revoked': (sessions, session) => sessions.revokeSession(session.getHandle()),
    'is revoked with all of its user’s': (sessions) => sessions.revokeAllSessionsForUser('bob'),
    'is revoked with all of its tenant’s': (sessions) =>
      sessions.revokeAllSessionsOfTenant('public'),
    'ends with its user': (sessions) => sessions.forgetUser('bob'),
  };
  const NEVER_READ = [
    { revocation: { pollInterval: '1h' } },
    { revocation: false },
    { revocation: false, endedSessionRetention: 0 },
  ] as const;

  it.each(Object.keys(ENDINGS).flatMap((name) => NEVER_READ.map((each) => [name, each] as const)))(
    'a session that %s is refused by this instance from the commit on, and never if it is rolled back (%j)',
    async (name, sessions) => {
      const fleet = await startFleet({ sessions });
      const { first, clock } = fleet;
      const session = await logIn(first);
      clock.advanceMs(1_000);
      const end = async (manager: EntityManager) =>
        ENDINGS[name]?.(first.sessions.withManager(manager), session);
      const undone = first.dataSource.transaction(async (manager) => {
        await end(manager);
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      expect(await isTaken(fleet, session)).toBe(true);
      await first.dataSource.transaction(async (manager) => {
        const inSavepoint = manager.transaction(async (inner) => {
          await end(inner);
          throw new Error('undone');
        });
        await expect(inSavepoint).rejects.toThrow('undone');
      });
      expect(await isTaken(fleet, session)).toBe(true);
      await first.dataSource.transaction(async (manager) => {
        await manager.transaction(end);
        expect(await isTaken(fleet, session)).toBe(true);
      });
      expect(await isTaken(fleet, session)).toBe(false);
      clock.advanceMs(1);
      expect(await isTaken(fleet, await logIn(first))).toBe(true);
    },
  );

  // Only PostgreSQL ends a transaction after an error by a commit that undoes everything and does not say so.
  it.each(engine === 'postgres' ? ['postgres'] : [])(
    'a session is taken on where an error that nobody saw has undone the transaction (%s)',
    async () => {
      const fleet = await startFleet({ sessions: { revocation: false } });
      const { first } = fleet;
      const session = await logIn(first);
      await first.dataSource.transaction(async (manager) => {
        await first.sessions.withManager(manager).revokeSession(session.getHandle());
        await manager.query('SELECT * FROM nowhere').catch(() => undefined);
      });
      expect(await first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
      expect(await isTaken(fleet, session)).toBe(true);
    },
  );

  it('cut-offs are those of the transaction where the feed is off', async () => {
    const { first, clock } = await startFleet({ sessions: { revocation: false } });
    const session = await logIn(first);
    clock.advanceMs(1_000);
    await first.dataSource.transaction(async (manager) => {
      const sessions = first.sessions.withManager(manager);
      await sessions.revokeAllSessionsForUser('bob');
      expect(await sessions.getSessionInformation(session.getHandle())).toBeUndefined();
      const next = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
      expect(await sessions.getAllSessionHandlesForUser('bob')).toEqual([next.getHandle()]);
    });
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
  });

  it('the end of a session is learnt where the feed is off, also if the database is away right after the commit', async () => {
    const fleet = await startFleet({ sessions: { revocation: false } });
    const { first, clock } = fleet;
    const ended = await logIn(first, 'al');
    const kept = await logIn(first, 'bob');
    clock.advanceMs(1_000);
    await first.dataSource.transaction(async (manager) => {
      await first.sessions.withManager(manager).revokeAllSessionsForUser('al');
      const undone = manager.transaction(async (inner) => {
        await first.sessions.withManager(inner).revokeAllSessionsForUser('bob');
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      failAfterCommit(manager);
    });
    expect(await isTaken(fleet, ended)).toBe(true);
    await expect.poll(() => isTaken(fleet, ended), { timeout: 5_000 }).toBe(false);
    expect(await isTaken(fleet, kept)).toBe(true);
  });

  it('a mark of stale claims takes effect with the commit where the feed is off', async () => {
    const { first, clock } = await startFleet({ sessions: { revocation: false } });
    const feed = first.app.get(RevocationFeed);
    clock.advanceMs(1_000);
    await first.dataSource.transaction(async (manager) => {
      await first.sessions.withManager(manager).markClaimsStale('bob');
      expect(feed.staleClaimsSinceMs('bob')).toBeUndefined();
    });
    expect(feed.staleClaimsSinceMs('bob')).toBeGreaterThanOrEqual(clock.now());
  });
});

/** Has the next statement on the feed's table fail, once the transaction is committed. */
function failAfterCommit({ queryRunner }: EntityManager): void {
  if (queryRunner === undefined) throw new Error('no transaction');
  const query = queryRunner.query.bind(queryRunner);
  const spy = vi.spyOn(queryRunner, 'query').mockImplementation((statement, ...rest) => {
    if (!statement.includes('auth_session_revocation')) return query(statement, ...rest);
    spy.mockRestore();
    return Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  });
}
