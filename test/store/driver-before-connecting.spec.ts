import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { describe, expect, it } from 'vitest';
import { SessionConfigurationError, SessionModule } from '../../lib/index.js';

// Otherwise TypeORM tries again for half a minute, in the tests that come after.
const SOON = { retryDelay: 1 };
const MSSQL = {
  ...SOON,
  type: 'mssql' as const,
  host: '127.0.0.1',
  username: 'sa',
  password: 'secret',
  database: 'shop',
  options: { encrypt: false },
  autoLoadEntities: true,
};
const MONGODB = {
  ...SOON,
  type: 'mongodb' as const,
  url: 'mongodb://127.0.0.1:27017/shop',
  autoLoadEntities: true,
};
const ORACLE = { ...SOON, type: 'oracle' as const, connectString: 'h/xe' };
const SQLITE: TypeOrmModuleOptions = {
  type: 'better-sqlite3',
  database: ':memory:',
  autoLoadEntities: true,
  synchronize: true,
};

/** What TypeORM needs of the package `mssql` to be connected. */
const CONNECTED_MSSQL = {
  ConnectionPool: class {
    on(): void {}
    connect(done: () => void): this {
      setImmediate(done);
      return this;
    }
    close(done: () => void): void {
      done();
    }
  },
  Request: class {
    // TypeORM 0.3 gives a callback.
    query(_: string, done?: (error: null, result: object) => void): Promise<object> {
      const result = { recordset: [{}], rowsAffected: [1] };
      if (done !== undefined) setImmediate(done, null, result);
      return Promise.resolve(result);
    }
  },
};

/** What an application with these modules is told at its start. */
async function failureOf(...imports: DynamicModule[]): Promise<unknown> {
  const testing = Test.createTestingModule({ imports });
  try {
    await (await testing.compile()).close();
    return undefined;
  } catch (error) {
    return error;
  }
}

function expectRefusal(failure: unknown, driver: string): void {
  expect(failure).toBeInstanceOf(SessionConfigurationError);
  expect(String(failure)).toContain(
    `Sessions do not work with TypeORM's driver \`${driver}\`. Supported drivers: \`postgres\`, `,
  );
}

describe('an application on a database that can not keep sessions', () => {
  it.each([MSSQL, MONGODB, ORACLE])('is told so by name: $type', async (options) => {
    expectRefusal(
      await failureOf(TypeOrmModule.forRoot(options), SessionModule.forRoot()),
      options.type,
    );
    expectRefusal(
      await failureOf(SessionModule.forRoot(), TypeOrmModule.forRoot(options)),
      options.type,
    );
  });

  it('is told so where a factory makes the options', async () => {
    const useFactory = () => Promise.resolve(MSSQL);
    expectRefusal(
      await failureOf(TypeOrmModule.forRootAsync({ useFactory }), SessionModule.forRoot()),
      'mssql',
    );
  });

  it('is told so once it is connected, where the options take long to come', async () => {
    const useFactory = async (): Promise<TypeOrmModuleOptions> => {
      for (let turn = 0; turn < 5; turn += 1) await nextTurn();
      return { ...MSSQL, schema: 'dbo', driver: CONNECTED_MSSQL, retryAttempts: 0 };
    };
    expectRefusal(
      await failureOf(TypeOrmModule.forRootAsync({ useFactory }), SessionModule.forRoot()),
      'mssql',
    );
  });

  it('is told nothing of a data source that the sessions do not have', async () => {
    const failure = await failureOf(
      TypeOrmModule.forRoot({ ...MSSQL, schema: 'dbo', driver: CONNECTED_MSSQL, name: 'reports' }),
      TypeOrmModule.forRoot(SQLITE),
      SessionModule.forRoot(),
    );
    expect(failure).toBeUndefined();
  });

  it('is told so of the data source that the sessions have', async () => {
    expectRefusal(
      await failureOf(
        TypeOrmModule.forRoot(SQLITE),
        TypeOrmModule.forRoot({ ...MONGODB, name: 'sessions' }),
        SessionModule.forRoot({ dataSource: 'sessions' }),
      ),
      'mongodb',
    );
  });
});
