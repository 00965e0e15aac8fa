import { access } from 'node:fs/promises';
import { DataSource } from 'typeorm';
import { afterEach, expect, it } from 'vitest';
import { describeOnEachDatabase } from './components.js';
import { createTestDatabase, type TestDatabase } from './databases.js';

describeOnEachDatabase('a test database', (engine) => {
  const databases: TestDatabase[] = [];
  const sources: DataSource[] = [];

  async function create(): Promise<TestDatabase> {
    const database = await createTestDatabase(engine);
    databases.push(database);
    return database;
  }

  async function connect(database: TestDatabase): Promise<DataSource> {
    const source = await new DataSource(database.options).initialize();
    sources.push(source);
    return source;
  }

  afterEach(async () => {
    for (const source of sources.splice(0)) await source.destroy();
    for (const database of databases.splice(0)) await database.drop();
  });

  it('runs queries', async () => {
    const source = await connect(await create());
    await source.query('CREATE TABLE fruit (name VARCHAR(10))');
    await source.query("INSERT INTO fruit VALUES ('pear')");
    expect(await source.query('SELECT name FROM fruit')).toEqual([{ name: 'pear' }]);
  });

  it('is empty whatever another one holds', async () => {
    const other = await connect(await create());
    await other.query('CREATE TABLE fruit (name VARCHAR(10))');
    const source = await connect(await create());
    await source.query('CREATE TABLE fruit (name VARCHAR(10))');
    expect(await source.query('SELECT name FROM fruit')).toEqual([]);
  });

  it('is gone once dropped, even while a connection to it is open', async () => {
    const database = await create();
    await connect(database);
    expect(await exists(database)).toBe(true);
    await database.drop();
    expect(await exists(database)).toBe(false);
  });
});

async function exists({ options }: TestDatabase): Promise<boolean> {
  try {
    // Opening a SQLite file would create it.
    if (options.type === 'better-sqlite3') await access(options.database);
    else await new DataSource(options).initialize().then((source) => source.destroy());
    return true;
  } catch {
    return false;
  }
}
