import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import {
  SessionConfigurationError,
  sessionEntities,
  SessionModule,
  SessionStoreUnavailableException,
} from '../../lib/index.js';
import { checkSchema } from '../../lib/store/check-schema.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import type { StatementResult } from '../../lib/store/statement-result.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';

describe('an application whose data source does not know the entities', () => {
  it('is told so at start, with the two ways to add them', async () => {
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'better-sqlite3', database: ':memory:' }),
        SessionModule.forRoot(),
      ],
    }).compile();
    await expect(testing.init()).rejects.toThrow(
      new SessionConfigurationError(
        'The data source does not know Session, SessionSigningKey, SessionRevocation. ' +
          'Add `autoLoadEntities: true` to TypeOrmModule.forRoot, or `...sessionEntities` to its `entities`.',
      ),
    );
    await testing.get(DataSource).destroy();
  });
});

describe('an application whose data source is initialized by hand', () => {
  const database = {
    type: 'better-sqlite3',
    database: ':memory:',
    autoLoadEntities: true,
    synchronize: true,
    manualInitialization: true,
  } as const;

  it('is told so at start, where that has not happened by then', async () => {
    const testing = await Test.createTestingModule({
      imports: [TypeOrmModule.forRoot(database), SessionModule.forRoot()],
    }).compile();
    await expect(testing.init()).rejects.toThrow(
      new SessionConfigurationError(
        'The data source is not initialized yet, but sessions need it when the application starts. Remove ' +
          '`manualInitialization` from TypeOrmModule, or call `initialize()` of the data source in an earlier provider.',
      ),
    );
  });

  it('starts where that has happened', async () => {
    const testing = await Test.createTestingModule({
      imports: [TypeOrmModule.forRoot(database), SessionModule.forRoot()],
    }).compile();
    await testing.get(DataSource).initialize();
    await expect(testing.init()).resolves.toBeDefined();
    await testing.close();
  });
});

describeOnEachDatabase('the check at start', (engine) => {
  const cleanUps: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  });

  async function connect(options: object = {}): Promise<DataSource> {
    const database = await createTestDatabase(engine);
    cleanUps.push(() => database.drop());
    const source = new DataSource({
      ...database.options,
      entities: [...sessionEntities],
      ...options,
    });
    await source.initialize();
    cleanUps.push(async () => {
      if (source.isInitialized) await source.destroy();
    });
    return source;
  }

  async function check(source: DataSource): Promise<unknown> {
    return checkSchema(new SessionDatabase(source)).catch((error: unknown) => error);
  }

  it('passes where all tables are there', async () => {
    expect(await check(await connect({ synchronize: true }))).toBeUndefined();
  });

  it('names the tables that are missing, as the data source calls them, and how to make them', async () => {
    const failure = await check(await connect({ entityPrefix: 'app_' }));
    expect(failure).toBeInstanceOf(SessionConfigurationError);
    expect(String(failure).replaceAll(/["`]/g, '')).toContain(
      'The database has no table app_auth_session, no table app_auth_session_key, no table app_auth_session_revocation. ' +
        'In TypeOrmModule.forRoot run the migrations (migrations: [...sessionMigrations], migrationsRun: true ' +
        "with sessionMigrations from 'nestjs-auth-sessions/migrations'), or set synchronize: true in development.",
    );
  });

  it('names the columns that a table lacks, and how to make them', async () => {
    const source = await connect({ synchronize: true });
    const runner = source.createQueryRunner();
    await runner.dropColumns('auth_session', ['userAgent', 'ip']);
    await runner.dropIndices('auth_session_revocation', [
      ...((await runner.getTable('auth_session_revocation'))?.indices ?? []),
    ]);
    await runner.dropPrimaryKey('auth_session_revocation');
    await runner.createPrimaryKey('auth_session_revocation', ['id']);
    await runner.dropColumn('auth_session_revocation', 'realm');
    await runner.release();
    const failure = await check(source);
    expect(failure).toBeInstanceOf(SessionConfigurationError);
    expect(String(failure).replaceAll(/["`]/g, '')).toContain(
      'The database has an older auth_session, which lacks ip, userAgent, ' +
        'an older auth_session_revocation, which lacks realm. In TypeOrmModule.forRoot run the migrations',
    );
  });

  it('names a column that does not order handles by time, as that of an early MariaDB', async () => {
    /** A database that says of each comparison what such a server says. */
    class OldServer extends SessionDatabase {
      override run(sql: string): Promise<StatementResult> {
        return super.run(sql.replace(' < ', ' > '));
      }
    }
    const source = await connect({ synchronize: true });
    const failure = await checkSchema(new OldServer(source)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SessionConfigurationError);
    expect(String(failure).replaceAll(/["`]/g, '')).toContain(
      'The column handle of auth_session does not order handles by time, so revoked sessions could come back. ' +
        'Use MariaDB 10.11.6 or later, and run ALTER TABLE auth_session FORCE',
    );
  });

  it('blames a database that does not answer on the database', async () => {
    const source = await connect();
    await source.destroy();
    expect(await check(source)).toBeInstanceOf(SessionStoreUnavailableException);
  });
});
