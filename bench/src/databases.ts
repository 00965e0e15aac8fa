import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import mysql from 'mysql2/promise';
import { sessionEntities } from 'nestjs-auth-sessions';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';

export const ENGINES = ['sqlite', 'postgres', 'mariadb'] as const;
export type Engine = (typeof ENGINES)[number];

export const ENGINE_NAMES: Readonly<Record<Engine, string>> = {
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
  mariadb: 'MariaDB',
};

/** Where a database of the benchmark's own is: a file, or a URL. */
export interface DatabasePlace {
  readonly engine: Engine;
  readonly at: string;
}

export interface OwnDatabase extends DatabasePlace {
  drop(): Promise<void>;
}

/** Those of the engines that answer. */
export async function presentEngines(wanted: readonly Engine[]): Promise<Engine[]> {
  const present: Engine[] = [];
  for (const engine of wanted) {
    const answers =
      engine === 'sqlite' ||
      (await onServer(engine, 'SELECT 1').then(
        () => true,
        () => false,
      ));
    if (answers) present.push(engine);
    else console.log(`No ${ENGINE_NAMES[engine]} answers; its rows are left out.`);
  }
  return present;
}

/** An empty database with our tables, which the limit programs use too. SQLite's is a file in WAL mode. */
export async function createDatabase(engine: Engine): Promise<OwnDatabase> {
  const database = await createEmpty(engine);
  const dataSource = new DataSource({
    ...typeormOptions(database),
    entities: [...sessionEntities],
    synchronize: true,
  });
  await dataSource.initialize();
  await dataSource.destroy();
  return database;
}

export function typeormOptions({ engine, at }: DatabasePlace): DataSourceOptions {
  if (engine === 'sqlite') return { type: 'better-sqlite3', database: at, enableWAL: true };
  return { type: engine, url: at };
}

async function createEmpty(engine: Engine): Promise<OwnDatabase> {
  if (engine === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'auth-sessions-bench-'));
    const drop = () => rm(folder, { recursive: true, force: true });
    return { engine, at: join(folder, 'bench.sqlite'), drop };
  }
  const name = `auth_sessions_bench_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl(engine));
  url.pathname = name;
  const force = engine === 'postgres' ? ' WITH (FORCE)' : '';
  await onServer(engine, `CREATE DATABASE ${name}`);
  const drop = () => onServer(engine, `DROP DATABASE IF EXISTS ${name}${force}`);
  return { engine, at: url.href, drop };
}

function serverUrl(engine: 'postgres' | 'mariadb'): string {
  return engine === 'postgres'
    ? (process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres')
    : (process.env['TEST_MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306');
}

/** Runs one statement in a database, by a connection of its own. */
export async function runIn({ engine, at }: DatabasePlace, statement: string): Promise<void> {
  if (engine !== 'sqlite') return onServerAt(engine, at, statement);
  const database = new BetterSqlite3(at);
  database.exec(statement);
  database.close();
  return undefined;
}

async function onServer(engine: 'postgres' | 'mariadb', statement: string): Promise<void> {
  await onServerAt(engine, serverUrl(engine), statement);
}

async function onServerAt(
  engine: 'postgres' | 'mariadb',
  url: string,
  statement: string,
): Promise<void> {
  if (engine === 'mariadb') {
    const connection = await mysql.createConnection({ uri: url, connectTimeout: 3_000 });
    try {
      await connection.query(statement);
    } finally {
      await connection.end();
    }
    return;
  }
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
