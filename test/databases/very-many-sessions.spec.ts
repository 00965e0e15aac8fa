import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  Session,
  SessionEventBus,
  SessionInputException,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Fleet } from '../support/fleet.js';
import { StatementLog } from '../support/statement-log.js';

const MANY = 620;
const MOST_ROWS = 250;

describeOnEachDatabase('a user with very many sessions', (engine) => {
  const startFleet = useFleets(engine);

  /** Bob has many sessions, a millisecond apart, with a row for each; the newest has just logged in. */
  async function startWithMany(sessions: SessionModuleOptions = {}, log = new StatementLog()) {
    const driver = { logging: true, logger: log };
    const fleet = await startFleet({ sessions, driver, instances: engine === 'sqlite' ? 1 : 2 });
    fleet.clock.advanceMs(MANY);
    const newest = await logIn(fleet.first);
    const rows = fleet.first.dataSource.getRepository(Session);
    const row = await rows.findOneByOrFail({ handle: newest.getHandle() });
    const older = Array.from({ length: MANY - 1 }, (_, index) => {
      const createdAt = fleet.clock.now() - 1 - index;
      return Object.assign(new Session(), row, { handle: newSessionHandle(createdAt), createdAt });
    });
    await rows.insert(older);
    return { fleet, newest, handles: [row, ...older].map(({ handle }) => handle), log };
  }

  function isGood({ first }: Fleet, token: string): Promise<boolean> {
    return first.sessions.refreshSessionWithoutRequestResponse(token).then(
      () => true,
      () => false,
    );
  }

  it('has them listed, the newest first, all or a page', async () => {
    const { fleet, handles } = await startWithMany();
    const { sessions } = fleet.first;
    expect(await sessions.getAllSessionHandlesForUser('bob')).toEqual(handles);
    const listed = async (page?: object) =>
      (await sessions.listSessions('bob', undefined, page)).map((each) => each.sessionHandle);
    expect(await listed()).toEqual(handles);
    expect(await listed({ limit: 3 })).toEqual(handles.slice(0, 3));
    const before = handles[299];
    expect(await listed({ limit: 260, before })).toEqual(handles.slice(300, 560));
    expect(await listed({ before: handles.at(-1) })).toEqual([]);
  });

  it('has them listed while others get their turn, also with the names of their devices', async () => {
    const { fleet } = await startWithMany({ device: { userAgent: true } });
    const rows = fleet.first.dataSource.getRepository(Session);
    await rows.update(
      { userId: 'bob' },
      { userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0' },
    );
    let turns = 0;
    let isListed = false;
    const count = (): void => {
      turns += 1;
      if (!isListed) setImmediate(count);
    };
    setImmediate(count);
    const listed = await fleet.first.sessions.listSessions('bob', undefined, { limit: 200 });
    isListed = true;
    expect(listed.map(({ device }) => device.name)).toContain('Chrome on Linux');
    expect(turns).toBeGreaterThanOrEqual(200 / 25);
  });

  it('has them listed in a statement or two for each page, also where the feed is off', async () => {
    const { fleet, handles, log } = await startWithMany({ revocation: false });
    const { length } = log;
    expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual(handles);
    expect(log.length - length).toBeLessThanOrEqual(2 * Math.ceil((MANY + 1) / MOST_ROWS));
  });

  it.each([
    [{ limit: 0 }, 'limit'],
    [{ limit: 1_001 }, 'limit'],
    [{ limit: 1.5 }, 'limit'],
    [{ limit: '3' }, 'limit'],
    [{ before: 'nobody' }, 'before'],
    [{ before: null }, 'before'],
    [null, 'page'],
  ])('has no page %j', async (page, argument) => {
    const { first } = await startFleet();
    const listing = first.sessions.listSessions('bob', undefined, page as never);
    await expect(listing).rejects.toBeInstanceOf(SessionInputException);
    await expect(listing).rejects.toMatchObject({ argument });
  });

  it('is logged out everywhere, and requests go on meanwhile', async () => {
    const { fleet, newest, handles, log } = await startWithMany();
    const eve = await logIn(fleet.first, 'eve');
    const from = log.length;
    const state = { isOver: false };
    const revoking = fleet.first.sessions.revokeAllSessionsForUser('bob', undefined, { by: 'ops' });
    const done = revoking.finally(() => {
      state.isOver = true;
    });
    let turns = 0;
    for (; !state.isOver; turns += 1) {
      await fleet.first.sessions.getSessionInformation(eve.getHandle());
      await nextTurn();
    }
    expect((await done).toSorted()).toEqual(handles.toSorted());
    expect(turns).toBeGreaterThan(5);
    for (const { parameters } of log.since(from)) {
      expect(parameters.length).toBeLessThan(20 * MOST_ROWS);
    }
    expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
    expect(await isGood(fleet, refreshTokenOf(newest))).toBe(false);
    expect(await isGood(fleet, refreshTokenOf(eve))).toBe(true);
    expect(fleet.first.events.filter((name) => name === 'revoked')).toHaveLength(MANY);
    expect(await fleet.first.sessions.explain(handles[400] ?? '')).toMatchObject({
      status: 'ended',
      reason: 'revoked-all',
      detail: 'ops',
    });
  });

  it('is refused everywhere as soon as the first of them ends', async () => {
    const { fleet, newest } = await startWithMany();
    const other = fleet.instances.at(-1) ?? fleet.first;
    let firstAt: Promise<unknown> | undefined;
    const token = newest.getAccessToken();
    fleet.first.app.get(SessionEventBus).on('revoked', () => {
      firstAt ??= other.app
        .get(RevocationFeed)
        .poll()
        .then(() => other.sessions.getSessionWithoutRequestResponse(token));
      firstAt.catch(() => undefined);
    });
    await fleet.first.sessions.revokeAllSessionsForUser('bob');
    await expect(firstAt).rejects.toThrow('try refresh token');
  });

  it('keeps the session that logs the others out', async () => {
    const { fleet, newest, handles } = await startWithMany();
    const { sessions } = fleet.first;
    const revoked = await sessions.revokeOtherSessions('bob', newest.getHandle());
    expect(revoked.toSorted()).toEqual(handles.slice(1).toSorted());
    expect(await sessions.getAllSessionHandlesForUser('bob')).toEqual([newest.getHandle()]);
    expect(await isGood(fleet, refreshTokenOf(newest))).toBe(true);
  });

  it('is brought down to a limit by the next login', async () => {
    const { fleet, newest, handles } = await startWithMany();
    const limited = await fleet.join({ maxSessionsPerUser: 2 });
    fleet.clock.advanceMs(1);
    const login = await logIn(limited);
    expect(await limited.sessions.getAllSessionHandlesForUser('bob')).toEqual([
      login.getHandle(),
      newest.getHandle(),
    ]);
    expect(await limited.sessions.explain(handles[500] ?? '')).toMatchObject({
      reason: 'session-limit',
    });
  });

  it('is forgotten', async () => {
    const { fleet } = await startWithMany();
    await fleet.first.sessions.forgetUser('bob');
    expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
    const naming: { kind?: string }[] = [];
    for (const table of ['auth_session', 'auth_session_revocation']) {
      const rows: { kind?: string }[] = await fleet.first.dataSource.query(
        `SELECT * FROM ${table}`,
      );
      naming.push(...rows.filter((row) => JSON.stringify(row).includes('"bob"')));
    }
    // One before the batches and one after them, both of this millisecond.
    expect(naming.map(({ kind }) => kind)).toEqual(['cut-off', 'cut-off']);
  });
});
