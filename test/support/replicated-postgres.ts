import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { TestDatabase } from './databases.js';

const DEBIAN_VERSIONS = '/usr/lib/postgresql';
const STARTS_WITHIN_MS = 30_000;
const run = promisify(execFile);

/** Who may run a PostgreSQL server: it refuses root. */
type Owner = { uid: number; gid: number } | Record<string, never>;

/** Why no primary and replica can be started here; `undefined` where they can. */
export function absenceOfPostgresBinaries(): string | undefined {
  const folder = binaries();
  if (folder === undefined) {
    return `no initdb in ${DEBIAN_VERSIONS}/*/bin (TEST_POSTGRES_BIN says where else)`;
  }
  try {
    owner();
    return undefined;
  } catch {
    return 'PostgreSQL does not run as root, and there is no user postgres';
  }
}

/** A PostgreSQL primary with a hot standby that streams from it, both of the test's own, reached by Unix sockets. */
export class ReplicatedPostgres {
  private constructor(
    private readonly folder: string,
    private readonly primary: PostgresServer,
    private readonly replica: PostgresServer,
  ) {}

  static async start(): Promise<ReplicatedPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'auth-sessions-pg-'));
    const { uid, gid } = owner();
    if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
    const primary = new PostgresServer(folder, 'primary');
    const replica = new PostgresServer(folder, 'replica');
    await tool(
      'initdb',
      '--no-sync',
      '--encoding=UTF8',
      '-A',
      'trust',
      '-U',
      'postgres',
      '-D',
      primary.data,
    );
    await primary.start();
    const from = ['-h', folder, '-p', String(primary.port), '-U', 'postgres'];
    await tool('pg_basebackup', '--no-sync', '-R', '-c', 'fast', ...from, '-D', replica.data);
    await replica.start();
    return new ReplicatedPostgres(folder, primary, replica);
  }

  /** Creates a database, which the replica then has too. To TypeORM the primary is the master, the replica its slave. */
  async createDatabase(): Promise<TestDatabase> {
    const name = `auth_sessions_${randomBytes(8).toString('hex')}`;
    await this.primary.query(`CREATE DATABASE ${name} TEMPLATE template0`);
    await this.catchUp();
    const [master, slave] = [this.primary.address(name), this.replica.address(name)];
    return {
      options: { type: 'postgres', replication: { master, slaves: [slave] } },
      drop: async () => {
        await this.primary.query(`DROP DATABASE ${name} WITH (FORCE)`);
      },
    };
  }

  /** From now on the replica stays as it is, once it has all that was committed before. */
  async hold(): Promise<void> {
    await this.catchUp();
    await this.replica.query('SELECT pg_wal_replay_pause()');
    await this.until(async () => {
      const [row] = await this.replica.query('SELECT pg_get_wal_replay_pause_state() AS state');
      return row?.['state'] === 'paused';
    });
    this.replica.log = '';
  }

  /** The replica takes up what has been committed since. */
  async letGo(): Promise<void> {
    await this.replica.query('SELECT pg_wal_replay_resume()');
    await this.catchUp();
  }

  /** The statements of applications that have come to the replica since it was held. */
  async statementsAtReplica(): Promise<string[]> {
    const marker = randomBytes(8).toString('hex');
    await this.replica.query(`SELECT '${marker}'`);
    await this.until(() => Promise.resolve(this.replica.log.includes(marker)));
    return this.replica.log
      .split(/^(?=\d{4}-\d\d-\d\d )/m)
      .filter((entry) => /db=auth_sessions_\w+ LOG: {2}(statement|execute)/.test(entry));
  }

  /** Takes the replica away; it breaks the connections that are open. */
  stopReplica(): Promise<void> {
    return this.replica.stop();
  }

  startReplica(): Promise<void> {
    return this.replica.start();
  }

  async end(): Promise<void> {
    await this.replica.stop();
    await this.primary.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async catchUp(): Promise<void> {
    const [row] = await this.primary.query('SELECT pg_current_wal_lsn() AS lsn');
    await this.until(async () => {
      const [seen] = await this.replica.query(
        `SELECT pg_last_wal_replay_lsn() >= '${String(row?.['lsn'])}' AS done`,
      );
      return seen?.['done'] === true;
    });
  }

  private async until(isDone: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + STARTS_WITHIN_MS;
    while (!(await isDone())) {
      if (performance.now() > untilMs)
        throw new Error(`the replica is stuck:\n${this.replica.log}`);
      await pause(10);
    }
  }
}

/** One server with a data directory of its own. Its port is only the name of its socket: no other program has it. */
class PostgresServer {
  readonly port: number;
  readonly data: string;
  log = '';
  private child: ChildProcess | undefined;

  constructor(
    private readonly folder: string,
    role: 'primary' | 'replica',
  ) {
    this.port = role === 'primary' ? 1 : 2;
    this.data = join(folder, role);
  }

  address(database: string) {
    return { host: this.folder, port: this.port, username: 'postgres', database };
  }

  async start(): Promise<void> {
    const settings = {
      port: this.port,
      listen_addresses: '',
      unix_socket_directories: this.folder,
      fsync: 'off',
      shared_buffers: '16MB',
      log_statement: 'all',
      log_line_prefix: '%m db=%d ',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(executable('postgres'), ['-D', this.data, ...options], {
      ...owner(),
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    process.once('exit', this.kill);
    this.child = child;
    const untilMs = performance.now() + STARTS_WITHIN_MS;
    for (;;) {
      const isUp = await this.query('SELECT 1').catch(() => undefined);
      if (isUp !== undefined) return;
      if (child.exitCode !== null || performance.now() > untilMs) {
        throw new Error(`PostgreSQL does not start:\n${this.log}`);
      }
      await pause(50);
    }
  }

  /** At once, whoever is connected: SIGQUIT is PostgreSQL's immediate shutdown. */
  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    process.off('exit', this.kill);
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGQUIT');
    await exited;
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    const { username: user, ...address } = this.address('postgres');
    const client = new Client({ ...address, user });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  private readonly kill = (): void => {
    this.child?.kill('SIGQUIT');
  };
}

async function tool(name: string, ...parameters: readonly string[]): Promise<void> {
  // The files have to be the server's, and the current folder may not be open to its user.
  await run(executable(name), [...parameters], { ...owner(), cwd: tmpdir() });
}

function executable(name: string): string {
  return join(binaries() ?? '', name);
}

function binaries(): string | undefined {
  const wanted = process.env['TEST_POSTGRES_BIN'];
  const folders = wanted === undefined ? debianFolders() : [wanted];
  return folders.find((folder) => {
    try {
      accessSync(join(folder, 'initdb'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The newest version first. */
function debianFolders(): string[] {
  try {
    const versions = readdirSync(DEBIAN_VERSIONS).toSorted((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(DEBIAN_VERSIONS, version, 'bin'));
  } catch {
    return [];
  }
}

function owner(): Owner {
  if (process.getuid?.() !== 0) return {};
  const id = (which: string) => Number(execFileSync('id', [which, 'postgres'], { stdio: 'pipe' }));
  return { uid: id('-u'), gid: id('-g') };
}
