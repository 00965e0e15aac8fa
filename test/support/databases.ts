import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { Client } from 'pg';
import type { DataSourceOptions } from 'typeorm';

export type DatabaseEngine = 'sqlite' | 'postgres' | 'mariadb';
export type DatabaseServer = Exclude<DatabaseEngine, 'sqlite'>;

/** An empty database of one test's own. */
export interface TestDatabase {
  /** What a data source needs to connect; `entities`, `synchronize` and the like are the test's to add. */
  readonly options: TestDatabaseOptions;
  /** Removes the database, also when connections to it are still open. */
  drop(): Promise<void>;
}

export type TestDatabaseOptions =
  | Pick<Extract<DataSourceOptions, { type: 'better-sqlite3' }>, 'type' | 'database' | 'enableWAL'>
  | Pick<Extract<DataSourceOptions, { type: 'postgres' }>, 'type' | 'url'>
  | (Pick<Extract<DataSourceOptions, { type: 'mysql' | 'mariadb' }>, 'url'> & { type: 'mariadb' });

interface ServerConnection {
  query(statement: string): Promise<unknown>;
  end(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 3_000;

/** Creates a database with a random name, so that suites never meet, or a fresh file for SQLite. */
export function createTestDatabase(engine: DatabaseEngine): Promise<TestDatabase> {
  return engine === 'sqlite' ? createFile() : createOnServer(engine);
}

/** Where a server is looked for. The user named there must be allowed to create databases. */
export function serverUrl(server: DatabaseServer): URL {
  return server === 'postgres'
    ? new URL(process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres')
    : new URL(process.env['TEST_MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306');
}

/**
 * Runs one statement by a connection of its own, outside of any test's database.
 *
 * @param url where the server is, when it is not the one that all tests share
 */
export async function runOnServer(
  server: DatabaseServer,
  statement: string,
  url = serverUrl(server),
): Promise<void> {
  const connection = await connectToServer(server, url);
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}

async function connectToServer(server: DatabaseServer, url: URL): Promise<ServerConnection> {
  if (server === 'mariadb') {
    return mysql.createConnection({ uri: url.href, connectTimeout: CONNECT_TIMEOUT_MS });
  }
  const client = new Client({
    connectionString: url.href,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  await client.connect();
  return client;
}

async function createFile(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'auth-sessions-'));
  return {
    options: {
      type: 'better-sqlite3',
      database: join(folder, 'test.sqlite'),
      enableWAL: true,
    },
    drop: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The same on a server that is not the one that all tests share. */
export async function createOnServer(
  server: DatabaseServer,
  at = serverUrl(server),
): Promise<TestDatabase> {
  const name = `auth_sessions_${randomBytes(8).toString('hex')}`;
  const url = new URL(at);
  url.pathname = name;
  if (server === 'postgres') {
    // Nobody is ever connected to template0; CREATE DATABASE fails while someone is connected to its template.
    await runOnServer(server, `CREATE DATABASE ${name} TEMPLATE template0`, at);
    return {
      options: { type: 'postgres', url: url.href },
      drop: () => runOnServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, at),
    };
  }
  // The collation stays MariaDB's default, under which 'a' = 'A', since that is what applications have.
  await runOnServer(server, `CREATE DATABASE ${name} CHARACTER SET utf8mb4`, at);
  return {
    options: { type: 'mariadb', url: url.href },
    drop: () => runOnServer(server, `DROP DATABASE IF EXISTS ${name}`, at),
  };
}
