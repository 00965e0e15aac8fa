/*
 * Databases that can be read and not written. What can be had is real: a connection or a server that is read-only, a file
 * and a tablespace that are full, a disk that takes no more bytes. PostgreSQL's 53100 and MariaDB's 1021 are raised by a
 * trigger, as the server would raise them.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SessionEventBus, SessionHealth, type SessionEventName } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { describeOnEachDatabase, describeWithOwnServer } from '../support/components.js';
import { createTestDatabase, runOnServer, type TestDatabase } from '../support/databases.js';
import { FailureRecorder } from '../support/failure-recorder.js';
import { Deployment, tokensOf, type Instance } from '../support/instances.js';

const run = promisify(execFile);
const UNTOUCHED = {
  status: 503,
  setCookies: [],
  json: {
    statusCode: 503,
    code: 'SESSION_STORE_UNAVAILABLE',
    message: 'session store unavailable',
  },
};
const WHEN_IT_IS_OVER = { timeout: 20_000, interval: 100 };
const CONNECTIONS = 15;
const TABLES = ['auth_session', 'auth_session_key', 'auth_session_revocation'];

/** A state of a database in which it takes no writes. */
interface Fault {
  begin(instance: Instance, database: TestDatabase): Promise<void>;
  end(instance: Instance, database: TestDatabase): Promise<void>;
  /** What the driver says of a login meanwhile. */
  code: string;
  /** Whether rows that are there can still be changed, since that needs no more room. @default false */
  allowsChanges?: boolean;
}

describeOnEachDatabase('a database that takes no writes', (engine) => {
  const create = () => createTestDatabase(engine);
  switch (engine) {
    case 'sqlite':
      testFault('whose connection is read-only', create, {
        begin: (instance) => query(instance, 'PRAGMA query_only = ON'),
        end: (instance) => query(instance, 'PRAGMA query_only = OFF'),
        code: 'SQLITE_READONLY',
      });
      testFault('whose file is full', create, {
        begin: async (instance) => {
          await query(instance, 'PRAGMA max_page_count = 1');
          await loginUntilRefused(instance);
        },
        end: (instance) => query(instance, 'PRAGMA max_page_count = 1000000'),
        code: 'SQLITE_FULL',
        allowsChanges: true,
      });
      // A process may be forbidden to write to files beyond a size: the disk refuses each write, and reads go on.
      describe.skipIf(process.platform !== 'linux')('on Linux', () => {
        testFault('whose disk refuses writes', create, {
          begin: () => limitFileSize('1'),
          end: () => limitFileSize('unlimited'),
          code: 'SQLITE_IOERR_WRITE',
        });
      });
      break;
    case 'postgres':
      testFault('that is read-only', create, {
        begin: (_, database) => setReadOnly(database, 'on'),
        end: (_, database) => setReadOnly(database, 'off'),
        code: '25006',
      });
      testSwitchover(create, 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY');
      testFault('whose disk is full', create, {
        begin: async (instance) => {
          await query(
            instance,
            `CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`,
          );
          for (const table of TABLES) {
            await query(
              instance,
              `CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE OR DELETE ON ${table}
                FOR EACH ROW EXECUTE FUNCTION disk_full()`,
            );
          }
        },
        end: (instance) => query(instance, 'DROP FUNCTION disk_full CASCADE'),
        code: '53100',
      });
      break;
    case 'mariadb':
      testSwitchover(create, 'SET SESSION TRANSACTION READ ONLY');
      testFault('whose disk is full', create, {
        begin: async (instance) => {
          for (const [table, when] of everyChange()) {
            await query(
              instance,
              `CREATE TRIGGER full_${table}_${when} BEFORE ${when} ON ${table} FOR EACH ROW
                SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'Disk full'`,
            );
          }
        },
        end: async (instance) => {
          for (const [table, when] of everyChange()) {
            await query(instance, `DROP TRIGGER full_${table}_${when}`);
          }
        },
        code: 'ER_DISK_FULL',
      });
  }
});

describeWithOwnServer('mariadb', 'a server that takes no writes', (start) => {
  // The tablespace of all tables ends where its file ends.
  const small = ['--innodb-file-per-table=0', '--innodb-undo-tablespaces=0'];
  const full = [...small, '--innodb-data-file-path=ibdata1:16M'];
  const larger = [...small, '--innodb-data-file-path=ibdata1:16M;ibdata2:16M:autoextend'];
  const server = start(full);

  async function createForUser(): Promise<TestDatabase> {
    const { options, drop } = await server().createDatabase();
    const url = new URL(String(Reflect.get(options, 'url')));
    // `read_only` does not bind those who may do everything.
    await server().run(`CREATE OR REPLACE USER app@'%' IDENTIFIED BY 'app'`);
    await server().run(`GRANT ALL ON ${url.pathname.slice(1)}.* TO app@'%'`);
    url.username = 'app';
    url.password = 'app';
    return { options: { type: 'mariadb', url: url.href }, drop };
  }

  testFault('that is read-only', createForUser, {
    begin: () => server().run('SET GLOBAL read_only = ON'),
    end: () => server().run('SET GLOBAL read_only = OFF'),
    code: 'ER_OPTION_PREVENTS_STATEMENT',
  });
  testFault('that was started to be read', createForUser, {
    begin: () => restart([...full, '--innodb-read-only']),
    end: () => restart(full),
    code: 'ER_OPEN_AS_READONLY',
  });
  // The last one: what it has filled stays.
  testFault('whose tablespace is full', createForUser, {
    begin: async (instance) => {
      await query(instance, 'CREATE TABLE filler (content MEDIUMTEXT)');
      for (const size of [1_000_000, 100_000, 7_000, 100]) {
        const insert = `INSERT INTO filler VALUES (REPEAT('x', ${size}))`;
        while (await query(instance, insert).then(succeeds, fails));
      }
      await loginUntilRefused(instance);
    },
    end: () => restart(larger),
    code: 'ER_RECORD_FILE_FULL',
  });

  async function restart(settings: readonly string[]): Promise<void> {
    await server().stop();
    await server().start(settings);
  }
});

function testFault(title: string, create: () => Promise<TestDatabase>, fault: Fault): void {
  describe(`one ${title}`, () => {
    const undo: (() => Promise<void>)[] = [];
    afterEach(async () => {
      vi.restoreAllMocks();
      for (const step of undo.splice(0).toReversed()) await step();
    });

    it('answers 503 to what has to be written, verifies on, loses nothing, and is over by itself', async () => {
      vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      const failures = new FailureRecorder();
      const database = await create();
      const deployment = Deployment.onDatabase(database);
      undo.push(() => deployment.end());
      const instance = await deployment.start({}, { logger: failures, logging: true });
      const events = eventsOf(instance);
      const tokens = await instance.login('bob');
      const leaving = await instance.login('al');
      await fault.begin(instance, database);
      undo.push(() => fault.end(instance, database));

      // Connections that were open before are noticed to be gone one by one.
      await expect
        .poll(() => instance.strictMe(tokens), WHEN_IT_IS_OVER)
        .toMatchObject({ status: 200 });
      failures.codes.length = 0;
      await expect.poll(() => failedLogin(instance, failures), WHEN_IT_IS_OVER).toBe(fault.code);
      for (const answer of [await instance.refresh(tokens), await instance.signOut(leaving)]) {
        if (answer.status === 200 && fault.allowsChanges) continue;
        expect(answer).toMatchObject(UNTOUCHED);
        expect(answer.headers['retry-after']).toBe('5');
      }
      // Guarded routes go on for as long as the feed can be read.
      deployment.clock.advanceMs(61_000);
      await instance.booted.app.get(RevocationFeed).poll();
      expect((await instance.me(tokens)).status).toBe(200);
      expect((await instance.strictMe(tokens)).status).toBe(200);
      expect(await instance.booted.app.get(SessionHealth).check()).toMatchObject({
        status: 'up',
        isFeedStale: false,
      });

      await undo.pop()?.();
      await expect
        .poll(() => instance.refresh(tokens), WHEN_IT_IS_OVER)
        .toMatchObject({ status: 200 });
      const fresh = tokensOf(await instance.refresh(tokens), tokens);
      expect((await instance.strictMe(fresh)).status).toBe(200);
      await expect
        .poll(() => instance.signOut(leaving), WHEN_IT_IS_OVER)
        .toMatchObject({ status: 200 });
      expect((await instance.me(await instance.login('carol'))).status).toBe(200);
      expect(events.filter((name) => name === 'theftDetected')).toEqual([]);
      expect(events.filter((name) => name === 'revoked')).toHaveLength(1);
    });
  });
}

// A former primary that stays up keeps its connections open, while new ones reach the next primary.
function testSwitchover(create: () => Promise<TestDatabase>, readOnly: string): void {
  it('is left for the next primary after a switchover that left its connections open', async () => {
    vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const deployment = Deployment.onDatabase(await create());
    try {
      const instance = await deployment.start({}, { poolSize: CONNECTIONS });
      const tokens = await instance.login('bob');
      const { dataSource } = instance.booted;
      const runners = Array.from({ length: CONNECTIONS }, () => dataSource.createQueryRunner());
      for (const runner of runners) await runner.query(readOnly);
      for (const runner of runners) await runner.release();
      expect((await instance.tryLogin('al')).status).toBe(503);
      for (const _ of runners) await instance.tryLogin('al');
      expect((await instance.tryLogin('al')).status).toBe(201);
      expect((await instance.refresh(tokens)).status).toBe(200);
    } finally {
      vi.restoreAllMocks();
      await deployment.end();
    }
  });
}

function eventsOf({ booted }: Instance): SessionEventName[] {
  const names: SessionEventName[] = [];
  for (const name of ['theftDetected', 'revoked'] as const) {
    booted.app.get(SessionEventBus).on(name, () => void names.push(name));
  }
  return names;
}

/** @returns what the driver said of the login, once it is refused */
async function failedLogin(instance: Instance, failures: FailureRecorder): Promise<unknown> {
  const answer = await instance.tryLogin('dora');
  if (answer.status === 201) return 'none';
  expect(answer).toMatchObject(UNTOUCHED);
  expect(answer.headers['retry-after']).toBe('5');
  return failures.codes.at(-1);
}

async function loginUntilRefused(instance: Instance): Promise<void> {
  for (let count = 0; (await instance.tryLogin('filler')).status === 201; count += 1) {
    expect(count).toBeLessThan(2_000);
  }
}

async function setReadOnly(database: TestDatabase, value: 'on' | 'off'): Promise<void> {
  const name = new URL(String(Reflect.get(database.options, 'url'))).pathname.slice(1);
  await runOnServer(
    'postgres',
    `ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`,
  );
  // It holds for connections that are opened from now on.
  await runOnServer(
    'postgres',
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
  );
}

async function limitFileSize(bytes: string): Promise<void> {
  await run('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);
}

function everyChange(): (readonly [table: string, when: string])[] {
  return TABLES.flatMap((table) =>
    ['INSERT', 'UPDATE', 'DELETE'].map((when) => [table, when] as const),
  );
}

async function query({ booted }: Instance, statement: string): Promise<void> {
  await booted.dataSource.query(statement);
}

const succeeds = (): boolean => true;
const fails = (): boolean => false;
