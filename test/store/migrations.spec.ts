import { DataSource, DefaultNamingStrategy } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { SessionConfigurationError, sessionEntities } from '../../lib/index.js';
import { sessionMigrations } from '../../lib/migrations.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type DatabaseEngine } from '../support/databases.js';

/** Calls everything otherwise than TypeORM does. */
class ShoutingNames extends DefaultNamingStrategy {
  override tableName(className: string, customName?: string): string {
    return super.tableName(className, customName).toUpperCase();
  }

  override columnName(property: string, customName: string | undefined, prefixes: string[]) {
    const name = super.columnName(property, customName ?? '', prefixes);
    return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}

const VARIANTS: readonly { title: string; options: object; only?: DatabaseEngine }[] = [
  { title: 'the defaults', options: {} },
  { title: 'a prefix', options: { entityPrefix: 'app_' } },
  { title: 'a naming strategy', options: { namingStrategy: new ShoutingNames() } },
  { title: 'a name of its own', options: { name: 'sessions' } },
  { title: 'a schema', options: { schema: 'people' }, only: 'postgres' },
];

describeOnEachDatabase('the migrations', (engine) => {
  const cleanUps: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  });

  /** A connection to an empty database. */
  async function connect(options: object = {}): Promise<DataSource> {
    const database = await createTestDatabase(engine);
    cleanUps.push(() => database.drop());
    if ('schema' in options) {
      const first = await new DataSource(database.options).initialize();
      await first.query(`CREATE SCHEMA ${String(options.schema)}`);
      await first.destroy();
    }
    const settings = { entities: [...sessionEntities], migrations: [...sessionMigrations] };
    const source = new DataSource({ ...settings, ...database.options, ...options });
    await source.initialize();
    cleanUps.push(() => source.destroy());
    return source;
  }

  const variants = VARIANTS.filter(({ only }) => only === undefined || only === engine);
  describe.each(variants)('with $title', ({ options }) => {
    it('lead to the schema that `synchronize` leads to', async () => {
      const migrated = await connect(options);
      await migrated.runMigrations();
      const synchronized = await connect(options);
      await synchronized.synchronize();
      expect(await missingStatements(migrated)).toEqual([]);
      expect(await tablesOf(migrated)).toEqual(await tablesOf(synchronized));
    });

    it('leave nothing behind when they are reverted, and run again after it', async () => {
      const source = await connect(options);
      await source.runMigrations();
      expect((await tablesOf(source)).length).toBe(3);
      await source.undoLastMigration();
      expect(await tablesOf(source)).toEqual([]);
      await source.runMigrations();
      expect(await missingStatements(source)).toEqual([]);
    });
  });

  it('leave tables that `synchronize` has made as they are, with their rows', async () => {
    const source = await connect();
    await source.synchronize();
    const key = { kid: 'm-1', realm: '', kind: 'mac', algorithm: 'HS256', sequence: 1 };
    const row = { ...key, material: 'x', createdAt: 1, activeAt: 1 };
    await source.getRepository('SessionSigningKey').insert(row);
    await source.runMigrations();
    expect(await source.getRepository('SessionSigningKey').count()).toBe(1);
    expect(await missingStatements(source)).toEqual([]);
  });

  it('create the table that is missing where an earlier run came to grief', async () => {
    const source = await connect();
    await source.runMigrations();
    const runner = source.createQueryRunner();
    await runner.dropTable('auth_session_key');
    await runner.query('DELETE FROM migrations');
    await runner.release();
    await source.runMigrations();
    expect(await missingStatements(source)).toEqual([]);
  });

  it('say what to add to a data source that does not know the entities', async () => {
    const source = await connect({ entities: [] });
    const failure = await source.runMigrations().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SessionConfigurationError);
    expect(String(failure)).toContain('Add `...sessionEntities` to its `entities`');
  });
});

/** What TypeORM would still change to bring the database up to the entities. */
async function missingStatements(source: DataSource): Promise<string[]> {
  const { upQueries } = await source.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

/** The entities' tables as the database describes them. */
async function tablesOf(source: DataSource): Promise<object[]> {
  const runner = source.createQueryRunner();
  const names = source.entityMetadatas.map((metadata) => metadata.tablePath);
  const tables = await runner.getTables(names);
  await runner.release();
  return tables
    .map(({ name, columns, indices, uniques }) => ({
      // MariaDB's databases differ in their names alone.
      name: name.split('.').at(-1),
      columns: columns.toSorted(byName),
      indices: indices.toSorted(byName),
      uniques: uniques.toSorted(byName),
    }))
    .toSorted(byName);
}

function byName(a: { name?: string | undefined }, b: { name?: string | undefined }): number {
  return (a.name ?? '').localeCompare(b.name ?? '');
}
