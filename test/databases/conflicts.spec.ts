/*
 * What databases undo because of a concurrent transaction, as they do it: PostgreSQL with SERIALIZABLE as its default,
 * MariaDB with snapshot isolation and a short wait for locks, SQLite with another connection that writes.
 */
import { inspect } from 'node:util';
import { DataSource, QueryFailedError, type EntityManager } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SessionContainer } from '../../lib/index.js';
import { describeWithOwnServer, type OwnServerOfSuite } from '../support/components.js';
import { createTestDatabase, type DatabaseServer } from '../support/databases.js';
import { FailureRecorder } from '../support/failure-recorder.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';
import { send } from '../support/http-client.js';

const ATTEMPTS = 4;
// MariaDB shows who waits as it was when nobody had asked for a tenth of a second.
const LONG_ENOUGH = { timeout: 20_000, interval: 250 };
const UNAVAILABLE = { status: 503, retryAfter: '5', setCookies: [] };

/** A server whose transactions can meet, and how to see that they do. */
interface Arena {
  settings: readonly string[];
  /** What a transaction gets that writes what has changed since it began to read. */
  staleCode: string;
  deadlockCode: string;
  /** Makes a transaction one that others give way to. */
  strengthen(manager: EntityManager): Promise<void>;
  /** How many statements wait for a lock. */
  waiting: string;
}

const ARENAS: Readonly<Record<DatabaseServer, Arena>> = {
  postgres: {
    settings: ['-c', 'default_transaction_isolation=serializable'],
    staleCode: '40001',
    deadlockCode: '40P01',
    // Who has waited for this long looks for a deadlock, and gives way.
    strengthen: async (manager) => {
      await manager.query(`SET LOCAL deadlock_timeout = '10s'`);
    },
    waiting: `SELECT count(*) AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
  },
  mariadb: {
    settings: ['--innodb-snapshot-isolation=ON'],
    staleCode: 'ER_CHECKREAD',
    deadlockCode: 'ER_LOCK_DEADLOCK',
    // InnoDB undoes the transaction that has changed less.
    strengthen: async (manager) => {
      const rows = Array.from({ length: 200 }, (_, index) => `(${index})`);
      await manager.query(`INSERT INTO filler VALUES ${rows.join()}`);
    },
    waiting: `SELECT count(*) AS count FROM information_schema.INNODB_TRX
      WHERE trx_state = 'LOCK WAIT'`,
  },
};

describeWithOwnServer('postgres', 'a transaction that meets another one', (start) => {
  const startFleet = testConflicts('postgres', start);

  it('again and again is run four times: the answer is 503, and nothing has changed', async () => {
    const { first, recorder } = await startFleet();
    const { dataSource } = first;
    const session = await logIn(first);
    await dataSource.query(`CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$`);
    await dataSource.query(
      'CREATE TRIGGER conflict BEFORE UPDATE ON auth_session EXECUTE FUNCTION conflict()',
    );
    expect(await refresh(first, session)).toEqual(UNAVAILABLE);
    expect(recorder.codes).toEqual(Array(ATTEMPTS).fill('40001'));
    await dataSource.query('DROP TRIGGER conflict ON auth_session');
    expect(await refresh(first, session)).toMatchObject({ status: 200 });
    expect(first.events).not.toContain('theftDetected');
  });
});

describeWithOwnServer('mariadb', 'a transaction that meets another one', (start) => {
  const startFleet = testConflicts('mariadb', start);

  /** An instance whose statements wait for a lock for a second at most. */
  const startImpatient = () => startFleet('SET GLOBAL innodb_lock_wait_timeout = 1');

  it('and waits for its lock is run four times: the answer is 503, and nothing has changed', async () => {
    const { first, recorder } = await startImpatient();
    const session = await logIn(first);
    await first.dataSource.transaction(async (manager) => {
      await lockRow(manager, session.getHandle());
      expect(await refresh(first, session)).toEqual(UNAVAILABLE);
    });
    expect(recorder.codes).toEqual(Array(ATTEMPTS).fill('ER_LOCK_WAIT_TIMEOUT'));
    expect(await refresh(first, session)).toMatchObject({ status: 200 });
    expect(first.events).not.toContain('theftDetected');
  });

  it('and waits for its lock gets it when it is given back in time', async () => {
    const { first, recorder } = await startImpatient();
    const session = await logIn(first);
    const { answer } = await first.dataSource.transaction(async (manager) => {
      await lockRow(manager, session.getHandle());
      const refreshed = refresh(first, session);
      await vi.waitUntil(() => recorder.count('ER_LOCK_WAIT_TIMEOUT') > 0, LONG_ENOUGH);
      return { answer: refreshed };
    });
    expect(await answer).toMatchObject({ status: 200 });
  });
});

describe('a transaction that meets another one on sqlite', () => {
  const startFleet = useFleets('sqlite');
  let writer: DataSource | undefined;
  afterEach(() => writer?.destroy());

  /** @param lockTimeoutMs how long the driver waits for a lock, in which the process does nothing else */
  async function startWithWriter(
    lockTimeoutMs: number,
    databaseTimeout: '2s' | '60s',
    recorder: FailureRecorder,
  ) {
    const database = await createTestDatabase('sqlite');
    const { first } = await startFleet({
      database,
      driver: { logger: recorder, logging: true, timeout: lockTimeoutMs },
      sessions: { databaseTimeout, revocation: false },
    });
    writer = await new DataSource(database.options).initialize();
    return { first, writer };
  }

  it('is run four times: the answer is 503, and nothing has changed', async () => {
    const recorder = new FailureRecorder();
    const { first, writer: other } = await startWithWriter(1, '60s', recorder);
    const session = await logIn(first);
    await other.query('BEGIN IMMEDIATE');
    expect(await refresh(first, session)).toEqual(UNAVAILABLE);
    expect(recorder.codes).toEqual(Array(ATTEMPTS).fill('SQLITE_BUSY'));
    await other.query('ROLLBACK');
    expect(await refresh(first, session)).toMatchObject({ status: 200 });
    expect(first.events).not.toContain('theftDetected');
  });

  it('is not run again once its time is over, since that would hold up the whole process', async () => {
    const recorder = new FailureRecorder();
    const { first, writer: other } = await startWithWriter(2_500, '2s', recorder);
    const session = await logIn(first);
    await other.query('BEGIN IMMEDIATE');
    expect(await refresh(first, session)).toEqual(UNAVAILABLE);
    expect(recorder.codes).toEqual(['SQLITE_BUSY']);
  });
});

/** What holds on every server. @returns what starts further fleets on it */
function testConflicts(
  engine: DatabaseServer,
  startServer: (settings: readonly string[]) => OwnServerOfSuite,
): (setting?: string) => Promise<{ first: Instance; recorder: FailureRecorder }> {
  const arena = ARENAS[engine];
  const server = startServer(arena.settings);
  const startFleet = useFleets(engine);
  const startRecorded = async (setting?: string) => {
    if (setting !== undefined) await server().run(setting);
    const recorder = new FailureRecorder();
    const { first } = await startFleet({
      database: await server().createDatabase(),
      driver: { logger: recorder, logging: true },
      // Long enough for all attempts on a slow machine.
      sessions: { databaseTimeout: '60s', revocation: false },
    });
    await first.dataSource.query('CREATE TABLE filler (id INT)');
    return { first, recorder };
  };

  async function doesOneWait({ dataSource }: Instance): Promise<boolean> {
    const [row]: { count: unknown }[] = await dataSource.query(arena.waiting);
    return Number(row?.count) > 0;
  }

  it('and has read what that one changes is run again', async () => {
    const { first, recorder } = await startRecorded();
    // Where the machine stalls, all attempts can come too early.
    let ended: unknown;
    let logins = 0;
    while (!Array.isArray(ended)) {
      logins += 1;
      expect(logins).toBeLessThan(6);
      const handle = (await logIn(first)).getHandle();
      const before = recorder.codes.length;
      const { revoking } = await first.dataSource.transaction(async (manager) => {
        await first.sessions.withManager(manager).updateSessionDataInDatabase(handle, { cart: 1 });
        const pending = first.sessions
          .revokeAllSessionsForUser('bob')
          .catch((error: unknown) => error);
        const haveMet = async (): Promise<boolean> =>
          recorder.codes.length > before || doesOneWait(first);
        await vi.waitUntil(haveMet, LONG_ENOUGH);
        return { revoking: pending };
      });
      ended = await revoking;
    }
    expect(recorder.count(arena.staleCode)).toBeGreaterThan(0);
    expect(ended).toHaveLength(logins);
    expect(first.events.filter((name) => name === 'revoked')).toHaveLength(logins);
  });

  it('in a deadlock is run again', async () => {
    const { first, recorder } = await startRecorded();
    // Where the machine stalls, the other one can be the one that is undone.
    for (let attempt = 0; recorder.count(arena.deadlockCode) === 0; attempt += 1) {
      expect(attempt).toBeLessThan(5);
      const handles = [(await logIn(first)).getHandle()];
      // Rows are locked in the order of their handles, and so of their time.
      first.clock.advanceMs(1);
      handles.push((await logIn(first)).getHandle());
      let ended: Promise<unknown> | undefined;
      const other = first.dataSource.transaction(async (manager) => {
        await arena.strengthen(manager);
        await lockRow(manager, handles[1]);
        ended = first.sessions.revokeMultipleSessions(handles).catch((error: unknown) => error);
        await vi.waitUntil(() => doesOneWait(first), LONG_ENOUGH);
        await lockRow(manager, handles[0]);
      });
      const outcome = await other.catch((error: unknown) => Reflect.get(Object(error), 'code'));
      expect([undefined, arena.deadlockCode]).toContain(outcome);
      expect(await ended).toHaveLength(2);
    }
  });

  it('is the caller’s to run again where it is the caller’s, by the driver’s code, which says nothing of users', async () => {
    const { first } = await startRecorded();
    const handle = (await logIn(first)).getHandle();
    const failures: unknown[] = [];
    let isFirst = true;
    const changeInTransaction = (): Promise<void> =>
      first.dataSource.transaction(async (manager) => {
        const sessions = first.sessions.withManager(manager);
        await sessions.getSessionInformation(handle);
        if (isFirst) await first.sessions.updateSessionDataInDatabase(handle, { by: 'another' });
        isFirst = false;
        await sessions.updateSessionDataInDatabase(handle, { by: 'the caller' });
      });
    await changeInTransaction().catch((error: unknown) => failures.push(error));
    expect(failures).toMatchObject([
      { code: arena.staleCode, driverError: { code: arena.staleCode }, parameters: [] },
    ]);
    expect(failures[0]).toBeInstanceOf(QueryFailedError);
    const shown = inspect(failures, { depth: 20, showHidden: true });
    expect(shown).not.toContain(handle);
    expect(shown).not.toContain('the caller');

    await changeInTransaction();
    expect(await first.sessions.getSessionInformation(handle)).toMatchObject({
      sessionDataInDatabase: { by: 'the caller' },
    });
  });

  return startRecorded;
}

async function lockRow(manager: EntityManager, handle: string | undefined): Promise<void> {
  await manager.query(
    `SELECT handle FROM auth_session WHERE realm = '' AND handle = '${handle}' FOR UPDATE`,
  );
}

async function refresh({ url }: Instance, session: SessionContainer): Promise<object> {
  const { status, headers, setCookies } = await send(`${url}/auth/session/refresh`, 'POST', {
    headers: { authorization: `Bearer ${refreshTokenOf(session)}`, 'st-auth-mode': 'header' },
  });
  return { status, retryAfter: headers['retry-after'], setCookies };
}
