import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  createOnServer,
  runOnServer,
  type DatabaseServer,
  type TestDatabase,
} from './databases.js';

const run = promisify(execFile);
const PROGRAMS = {
  postgres: ['initdb', 'postgres'],
  mariadb: ['mariadb-install-db', 'mariadbd'],
} as const;
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];
const DEBIAN_POSTGRES = '/usr/lib/postgresql';
// Below the range that systems take the ports of outgoing connections from: it must be free again after a restart.
const PORTS = [20_000, 30_000] as const;
const STARTS_WITHIN_MS = 60_000;
// Leaves no process and no shared memory behind, and no data that has been closed in good order.
const CRASH = { postgres: 'SIGQUIT', mariadb: 'SIGKILL' } as const;

/** A database server that one suite starts for itself, and may stop, kill and start again. */
export class OwnServer {
  private process: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly kind: DatabaseServer,
    private readonly folder: string,
    private readonly port: number,
  ) {}

  /** @param settings further arguments of the server */
  static async start(kind: DatabaseServer, settings: readonly string[] = []): Promise<OwnServer> {
    const folder = mkdtempSync(join(tmpdir(), 'auth-sessions-server-'));
    const server = new OwnServer(kind, folder, await freePort());
    await server.install(settings);
    await server.start(settings);
    return server;
  }

  /** The programs that are missing here; none: a server can be started. */
  static missing(kind: DatabaseServer): readonly string[] {
    return PROGRAMS[kind].filter((name) => findProgram(name) === undefined);
  }

  get url(): URL {
    return this.kind === 'postgres'
      ? new URL(`postgres://postgres@127.0.0.1:${this.port}/postgres`)
      : new URL(`mysql://root@127.0.0.1:${this.port}`);
  }

  createDatabase(): Promise<TestDatabase> {
    return createOnServer(this.kind, this.url);
  }

  run(statement: string): Promise<void> {
    return runOnServer(this.kind, statement, this.url);
  }

  /** Stops it in good order, by default; what is under way is broken off. */
  async stop(
    signal: NodeJS.Signals = this.kind === 'postgres' ? 'SIGINT' : 'SIGTERM',
  ): Promise<void> {
    const stopping = this.process;
    if (stopping === undefined) return;
    if (stopping.exitCode === null && stopping.signalCode === null) {
      stopping.kill(signal);
      await once(stopping, 'exit');
    }
    this.process = undefined;
  }

  /** Starts it, and waits until it answers. */
  async start(settings: readonly string[] = []): Promise<void> {
    const [program, ...fixed] = this.command();
    const child = spawn(program, [...fixed, ...settings], {
      ...(await this.owner()),
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    // Nothing of it stays when the tests are broken off.
    const kill = (): void => void child.kill(CRASH[this.kind]);
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    await this.answers(child);
  }

  /** Ends it at once, as a crash would: it recovers when it starts again. */
  crash(): Promise<void> {
    return this.stop(CRASH[this.kind]);
  }

  async remove(): Promise<void> {
    await this.crash();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  private async install(settings: readonly string[]): Promise<void> {
    const owner = await this.owner();
    if (owner.uid !== undefined) chownSync(this.folder, owner.uid, owner.gid ?? owner.uid);
    const [program, ...parameters] =
      this.kind === 'postgres'
        ? [
            pathOf('initdb'),
            '--no-sync',
            '--encoding=UTF8',
            '--auth=trust',
            '--username=postgres',
            '-D',
            this.data,
          ]
        : [
            pathOf('mariadb-install-db'),
            '--no-defaults',
            `--datadir=${this.data}`,
            `--tmpdir=${this.folder}`,
            '--auth-root-authentication-method=normal',
            '--skip-test-db',
            ...settings,
          ];
    await run(program ?? '', parameters, { ...owner, env: environment() });
  }

  private command(): [string, ...string[]] {
    if (this.kind === 'postgres') {
      const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
      return [
        pathOf('postgres'),
        '-D',
        this.data,
        `--port=${this.port}`,
        ...settings.flatMap((setting) => ['-c', setting]),
      ];
    }
    return [
      pathOf('mariadbd'),
      '--no-defaults',
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      `--datadir=${this.data}`,
      // A server deletes the temporary tables in its folder when it starts: those of another server too.
      `--tmpdir=${this.folder}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(this.folder, 'socket')}`,
      `--pid-file=${join(this.folder, 'pid')}`,
      '--innodb-buffer-pool-size=16M',
      '--innodb-flush-log-at-trx-commit=2',
    ];
  }

  // PostgreSQL does not run as root.
  private async owner(): Promise<{ uid?: number; gid?: number }> {
    if (this.kind !== 'postgres' || process.getuid?.() !== 0) return {};
    const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'postgres'])));
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
  }

  private async answers(child: ChildProcess): Promise<void> {
    const untilMs = performance.now() + STARTS_WITHIN_MS;
    for (;;) {
      try {
        return await this.run('SELECT 1');
      } catch (error) {
        const hasEnded = child.exitCode !== null || child.signalCode !== null;
        if (hasEnded || performance.now() > untilMs) {
          throw new Error(`${this.kind} did not start:\n${this.output}`, { cause: error });
        }
        await pause(50);
      }
    }
  }

  private get data(): string {
    return join(this.folder, 'data');
  }
}

function pathOf(program: string): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`no ${program} is installed`);
  return path;
}

function findProgram(name: string): string | undefined {
  return programFolders()
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function programFolders(): string[] {
  const found = (process.env['PATH'] ?? '').split(delimiter);
  try {
    const versions = readdirSync(DEBIAN_POSTGRES).toSorted((a, b) => Number(b) - Number(a));
    found.push(...versions.map((version) => join(DEBIAN_POSTGRES, version, 'bin')));
  } catch {
    // Installed elsewhere, or not at all.
  }
  return [...found, ...SYSTEM_FOLDERS];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// What is set for clients of the shared server would reach the server's own programs.
function environment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(PG|MYSQL)/.test(name));
  return { ...Object.fromEntries(entries), LC_ALL: 'C' };
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
