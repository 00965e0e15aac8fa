import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  Session,
  type SessionContainer,
  type SessionModuleOptions,
  type SessionService,
} from '../../lib/index.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { describeOnEachServer } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';

const HOUR_MS = 3_600_000;
const PARALLEL = 25;
const POOL_SIZE = 3;

describeOnEachServer('while a transaction holds the row of a session locked', (engine) => {
  const startFleet = useFleets(engine);

  /** Two instances that are asked, and a third one whose transaction it is. */
  async function start(sessions: SessionModuleOptions = {}) {
    const fleet = await startFleet({
      instances: 3,
      sessions: { databaseTimeout: '20s', ...sessions },
      driver: engine === 'postgres' ? { extra: { max: POOL_SIZE } } : { poolSize: POOL_SIZE },
    });
    const [first, second, holder] = fleet.instances as [Instance, Instance, Instance];
    return { ...fleet, asked: [first, second], holder };
  }

  function refresh({ url }: Instance, token: string): Promise<Answer> {
    return send(`${url}/auth/session/refresh`, 'POST', {
      headers: { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' },
    });
  }

  async function holdLocked<T>({ holder }: { holder: Instance }, handle: string, work: () => T) {
    const runner = holder.dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      await runner.manager.findOneOrFail(Session, {
        where: { realm: '', handle },
        lock: { mode: 'pessimistic_write' },
      });
      return await work();
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
  }

  /**
   * Refreshes with one token, many times at once on each of two instances, while the row is locked.
   *
   * @param meanwhile is done before the lock goes
   */
  async function refreshLocked(
    { asked, holder }: { asked: Instance[]; holder: Instance },
    handle: string,
    token: string,
    meanwhile: () => Promise<unknown>,
  ): Promise<Answer[]> {
    let answers: Promise<Answer>[] = [];
    await holdLocked({ holder }, handle, () => {
      answers = asked.flatMap((each) =>
        Array.from({ length: PARALLEL }, () => refresh(each, token)),
      );
      return Promise.race([meanwhile(), Promise.all(answers)]);
    });
    return Promise.all(answers);
  }

  /** Others log in, refresh, and sign out on each instance. */
  async function othersGoOn({ asked }: { asked: Instance[] }): Promise<void> {
    for (const instance of asked) {
      const session = await logIn(instance, 'al');
      const refreshed = await refresh(instance, refreshTokenOf(session));
      expect(refreshed.status).toBe(200);
      expect(await instance.sessions.revokeSession(session.getHandle())).toBe(true);
    }
  }

  const statusesOf = (answers: readonly Answer[]): number[] => [
    ...new Set(answers.map(({ status }) => status)),
  ];

  async function rotated({ first, clock }: Fleet): Promise<[SessionContainer, string]> {
    const session = await logIn(first);
    clock.advanceMs(HOUR_MS);
    const next = await first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session));
    return [session, refreshTokenOf(next)];
  }

  it.each([{}, { revocation: false }] satisfies SessionModuleOptions[])(
    'its refreshes rotate once on all instances together, and others go on, with %j',
    async (options) => {
      const fleet = await start(options);
      const session = await logIn(fleet.first);
      const handle = session.getHandle();
      const answers = await refreshLocked(fleet, handle, refreshTokenOf(session), () =>
        othersGoOn(fleet),
      );
      expect(statusesOf(answers)).toEqual([200]);
      const tokens = new Set(answers.map(({ headers }) => headers['st-refresh-token']));
      expect(tokens.size).toBe(2 * PARALLEL);
      expect((await fleet.first.app.get(SessionStore).find(handle))?.generation).toBe(1);
      expect(fleet.instances.flatMap(({ events }) => events)).not.toContain('theftDetected');
      const [, , last] = tokens;
      fleet.clock.advanceMs(HOUR_MS);
      expect((await refresh(fleet.first, String(last))).status).toBe(200);
    },
  );

  it('repetitions of its live token are answered, and others go on', async () => {
    const fleet = await start();
    const [session, token] = await rotated(fleet);
    const answers = await refreshLocked(fleet, session.getHandle(), token, () => othersGoOn(fleet));
    expect(statusesOf(answers)).toEqual([200]);
    const row = await fleet.first.app.get(SessionStore).find(session.getHandle());
    expect(row).toMatchObject({ generation: 1, confirmedAtMs: fleet.clock.now() });
  });

  it('the notes that the answers of others have arrived are written, and hold up nobody', async () => {
    const fleet = await start();
    const { first, clock } = fleet;
    const users = ['ada', 'al', 'bea', 'cy'];
    const logins = await Promise.all(users.map((user) => logIn(first, user)));
    clock.advanceMs(1);
    const refreshed = await Promise.all(
      logins.map((login) =>
        first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(login)),
      ),
    );
    const [ada = '', ...others] = logins.map((login) => login.getHandle());
    const confirmed = () =>
      Promise.all(
        others.map(
          async (handle) => (await first.app.get(SessionStore).find(handle))?.confirmedAtMs,
        ),
      );
    await holdLocked(fleet, ada, async () => {
      for (const session of refreshed) {
        await first.sessions.getSessionWithoutRequestResponse(session.getAccessToken());
      }
      void first.app.get(ArrivalQueue).flush();
      await expect.poll(confirmed, { timeout: 3_000 }).toEqual(others.map(() => clock.now()));
      for (const handle of others) expect(await first.sessions.revokeSession(handle)).toBe(true);
      await othersGoOn(fleet);
    });
  });

  it('a spent token that comes back ends it once, and others go on', async () => {
    const fleet = await start();
    const [session, token] = await rotated(fleet);
    const confirmed = await refresh(fleet.first, token);
    expect(confirmed.status).toBe(200);
    fleet.clock.advanceMs(HOUR_MS);
    const answers = await refreshLocked(fleet, session.getHandle(), refreshTokenOf(session), () =>
      othersGoOn(fleet),
    );
    expect(statusesOf(answers)).toEqual([401]);
    const thefts = fleet.instances
      .flatMap(({ events }) => events)
      .filter((name) => name === 'theftDetected');
    expect(thefts).toEqual(['theftDetected']);
  });

  it('its refreshes are refused once its time is over, and others go on', async () => {
    const fleet = await start({ refreshTokenLifetime: '1d' });
    const session = await logIn(fleet.first);
    fleet.clock.advanceMs(24 * HOUR_MS);
    const answers = await refreshLocked(fleet, session.getHandle(), refreshTokenOf(session), () =>
      othersGoOn(fleet),
    );
    expect(statusesOf(answers)).toEqual([401]);
  });

  it('its refreshes share one failure where the lock stays, and the session lives', async () => {
    const fleet = await start({ databaseTimeout: '1s' });
    const session = await logIn(fleet.first);
    const [handle, token] = [session.getHandle(), refreshTokenOf(session)];
    const begunAt = performance.now();
    let statuses: number[] = [];
    const failed = refreshLocked(fleet, handle, token, async () => {
      await othersGoOn(fleet);
      await new Promise(() => undefined);
    });
    statuses = statusesOf(await failed);
    expect(statuses).toEqual([503]);
    // One after the other, in a pool of three, they would take eight seconds.
    expect(performance.now() - begunAt).toBeLessThan(5_000);
    fleet.clock.advanceMs(1);
    await expect.poll(async () => (await refresh(fleet.first, token)).status).toBe(200);
  });

  const REPEATED: Record<string, (sessions: SessionService, session: SessionContainer) => unknown> =
    {
      refreshes: (sessions, session) =>
        sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session)),
      edits: (sessions, session) =>
        sessions.mergeIntoAccessTokenPayload(session.getHandle(), { at: 'home' }),
      'changes of its data': (sessions, session) =>
        sessions.updateSessionDataInDatabase(session.getHandle(), { at: 'home' }),
      'sign-outs': (sessions, session) => sessions.revokeSession(session.getHandle()),
      'sign-outs with others': (sessions, session) =>
        sessions.revokeMultipleSessions([session.getHandle(), 'another']),
      'sign-outs everywhere': (sessions, session) =>
        sessions.revokeAllSessionsForUser(session.getUserId()),
    };

  it.each(Object.keys(REPEATED))(
    'its %s are refused again and again where the lock stays, and others go on all the while',
    async (name) => {
      const fleet = await start({ databaseTimeout: '1s' });
      const session = await logIn(fleet.first);
      const ask = async () => REPEATED[name]?.(fleet.first.sessions, session);
      await holdLocked(fleet, session.getHandle(), async () => {
        for (let wave = 0; wave < POOL_SIZE + 1; wave += 1) {
          await expect(ask()).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
          // A statement within shared work is given up a moment after that.
          await pause(10);
        }
        await othersGoOn(fleet);
      });
      const answered = () => ask().then(() => true);
      await expect.poll(() => answered().catch(() => false), { timeout: 900 }).toBe(true);
    },
  );

  it('its refreshes end with it where that transaction deletes it', async () => {
    const fleet = await start();
    const session = await logIn(fleet.first);
    const { holder, asked } = fleet;
    let answers: Promise<Answer[]> | undefined;
    await holder.dataSource.transaction(async (manager) => {
      await holder.sessions.withManager(manager).revokeSession(session.getHandle());
      answers = Promise.all(
        asked.flatMap((each) =>
          Array.from({ length: PARALLEL }, () => refresh(each, refreshTokenOf(session))),
        ),
      );
      await othersGoOn(fleet);
    });
    expect(statusesOf((await answers) ?? [])).toEqual([401]);
  });
});
