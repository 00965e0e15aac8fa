import { execFile, spawn } from 'node:child_process';
import { accessSync, openSync } from 'node:fs';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';

const PROVIDERS = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib64/galera-4/libgalera_smm.so'];
const MARIADBD = 'mariadbd';
const READY_WITHIN_MS = 60_000;
const run = promisify(execFile);

/** Where a node listens: for clients, for the other nodes, for what it has missed, and for a copy of everything. */
interface NodePorts {
  sql: number;
  group: number;
  increments: number;
  snapshot: number;
}

/** What is needed to find a running cluster again from another process. */
export interface ClusterPlace {
  folder: string;
  ports: NodePorts[];
}

/** @throws {Error} naming what has to be installed */
export async function requireGalera(): Promise<void> {
  if (galeraLibrary() === '') throw new Error('no libgalera_smm.so: install the package galera-4');
  for (const program of [MARIADBD, 'mariadb-install-db', 'rsync']) {
    await run(program, ['--version']).catch((error: unknown) => {
      if (isMissing(error)) throw new Error(`no ${program}: install it`, { cause: error });
    });
  }
}

/** One server of a cluster. All that is known of its process is in its folder. */
export class GaleraNode {
  private readonly data: string;
  private readonly ports: NodePorts;
  private holder: mysql.Connection | undefined;

  constructor(
    private readonly place: ClusterPlace,
    private readonly index: number,
  ) {
    this.data = join(place.folder, `node${index}`);
    this.ports = place.ports[index] ?? { sql: 0, group: 0, increments: 0, snapshot: 0 };
  }

  /** The address of one of its databases. */
  url(database = '', user = 'root'): string {
    return `mysql://${user}@127.0.0.1:${this.ports.sql}/${database}`;
  }

  async create(withTables: boolean): Promise<void> {
    await mkdir(this.data);
    await mkdir(this.temporary);
    if (isRoot()) await chownToMysql(this.place.folder, this.data, this.temporary);
    if (!withTables) return;
    await run('mariadb-install-db', [
      ...this.common(),
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ]);
  }

  /** Starts it and waits until it takes statements; after a crash from what its tables have. */
  async start({ isFirst = false } = {}): Promise<void> {
    const group = this.place.ports.map((ports) => `127.0.0.1:${ports.group}`).join();
    const log = openSync(this.log, 'a');
    const position = isFirst ? [] : await this.positionAfterCrash();
    const server = spawn(
      MARIADBD,
      [
        ...this.common(),
        ...this.replication(),
        ...position,
        `--wsrep-cluster-address=gcomm://${isFirst ? '' : group}`,
        ...(isFirst ? ['--wsrep-new-cluster'] : []),
      ],
      { stdio: ['ignore', log, log], detached: true },
    );
    server.unref();
    await writeFile(this.pid, String(server.pid));
    const untilMs = performance.now() + READY_WITHIN_MS;
    while (!(await this.isReady())) {
      if (server.exitCode !== null || performance.now() > untilMs) {
        throw new Error(`node ${this.index} does not start:\n${await readFile(this.log, 'utf8')}`);
      }
      await pause(100);
    }
  }

  /** As an administrator stops it: it takes its leave of the others. */
  stop(): Promise<void> {
    return this.end('SIGTERM');
  }

  /** As if its machine had gone. */
  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    const connection = await mysql.createConnection({ uri: this.url(), connectTimeout: 3_000 });
    try {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
    } finally {
      await connection.end();
    }
  }

  /** Waits until it has taken up all that has been committed before. */
  async catchUp(): Promise<void> {
    await this.query('SET STATEMENT wsrep_sync_wait = 1 FOR SELECT 1');
  }

  /** From now on it takes up nothing of what the others commit. */
  async hold(): Promise<void> {
    this.holder = await mysql.createConnection({ uri: this.url() });
    await this.holder.query('SET SESSION wsrep_sync_wait = 0');
    await this.holder.query('FLUSH TABLES WITH READ LOCK');
  }

  /** Waits until a statement with these words is waiting here for what this node has not taken up yet. */
  async untilWaiting(words: string): Promise<void> {
    await this.until(async () => {
      const [rows] = (await this.holder?.query(
        'SELECT info FROM information_schema.processlist WHERE info LIKE ? AND id <> CONNECTION_ID()',
        [`%${words}%`],
      )) ?? [[]];
      return Array.isArray(rows) && rows.length > 0;
    });
  }

  /** It takes up what it has missed. */
  async letGo(): Promise<void> {
    const { holder } = this;
    this.holder = undefined;
    if (holder === undefined) return;
    await holder.query('UNLOCK TABLES');
    await holder.end();
  }

  /** Cuts it off from the others; it goes on running, and refuses all statements. */
  async isolate(): Promise<void> {
    await this.query("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'");
    await this.until(async () => (await this.status('wsrep_ready')) === 'OFF');
  }

  /** Connects it with the others again. */
  async rejoin(): Promise<void> {
    await this.query("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'");
    await this.until(() => this.isReady());
  }

  private async until(isDone: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + READY_WITHIN_MS;
    while (!(await isDone())) {
      if (performance.now() > untilMs) throw new Error(`node ${this.index} is stuck`);
      await pause(20);
    }
  }

  private async isReady(): Promise<boolean> {
    return (await this.status('wsrep_ready').catch(() => '')) === 'ON';
  }

  private async status(name: string): Promise<string> {
    const [row] = await this.query(`SHOW STATUS LIKE '${name}'`);
    return String(row?.['Value']);
  }

  private get pid(): string {
    return join(this.place.folder, `node${this.index}.pid`);
  }

  private get log(): string {
    return join(this.place.folder, `node${this.index}.log`);
  }

  private get temporary(): string {
    return join(this.place.folder, `node${this.index}.tmp`);
  }

  private common(): string[] {
    const user = isRoot() ? ['--user=mysql'] : [];
    return [
      '--no-defaults',
      ...user,
      `--datadir=${this.data}`,
      // A server deletes the temporary tables in its folder when it starts: those of another server too.
      `--tmpdir=${this.temporary}`,
    ];
  }

  private replication(): string[] {
    const { sql, group, increments, snapshot } = this.ports;
    const provider = {
      base_port: group,
      'gmcast.listen_addr': `tcp://127.0.0.1:${group}`,
      'ist.recv_addr': `127.0.0.1:${increments}`,
      'gcache.size': '32M',
    };
    const settings = {
      port: sql,
      'bind-address': '127.0.0.1',
      'skip-name-resolve': 'ON',
      socket: join(this.data, 'socket'),
      'pid-file': join(this.data, 'pid'),
      'binlog-format': 'ROW',
      'innodb-autoinc-lock-mode': 2,
      'innodb-flush-log-at-trx-commit': 2,
      'innodb-buffer-pool-size': '32M',
      'wsrep-on': 'ON',
      'wsrep-provider': galeraLibrary(),
      'wsrep-cluster-name': 'test',
      'wsrep-node-address': '127.0.0.1',
      'wsrep-node-name': `node${this.index}`,
      'wsrep-sst-method': 'rsync',
      'wsrep-sst-receive-address': `127.0.0.1:${snapshot}`,
      'wsrep-provider-options': Object.entries(provider)
        .map(([name, value]) => `${name}=${value}`)
        .join(';'),
    };
    return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  }

  // What mariadbd_safe does: a node that was killed knows its place in the history from its tables alone, and gets only
  // what it has missed.
  private async positionAfterCrash(): Promise<string[]> {
    const { stdout, stderr } = await run(MARIADBD, [
      ...this.common(),
      ...this.replication(),
      '--wsrep-recover',
    ]).catch(() => ({ stdout: '', stderr: '' }));
    const found = /Recovered position:\s*(\S+)/.exec(stdout + stderr)?.[1];
    return found === undefined ? [] : [`--wsrep-start-position=${found}`];
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const pid = Number(await readFile(this.pid, 'utf8').catch(() => ''));
    if (pid === 0) return;
    // It leads a group of its own, with the programs that copy data for it.
    signalTo(signal === 'SIGKILL' ? -pid : pid, signal);
    await this.until(() => Promise.resolve(!signalTo(pid, 0)));
    await rm(this.pid);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function galeraLibrary(): string {
  return PROVIDERS.find(exists) ?? '';
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function signalTo(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

async function chownToMysql(...folders: string[]): Promise<void> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((which) => run('id', [which, 'mysql'])));
  for (const folder of folders) await chown(folder, Number(uid?.stdout), Number(gid?.stdout));
}
