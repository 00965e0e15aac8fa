import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type {
  SessionModuleExtras,
  SessionModuleOptions,
} from '../options/session-module-options.js';
import { SessionModule } from '../session.module.js';
import { sessionEntities } from '../store/entities.js';

/**
 * The whole module on a SQLite database in memory, for tests of controllers. It needs no data source, table or file.
 * Each application that imports it gets its own database, apart from its others.
 *
 * @example
 * ```ts
 * Test.createTestingModule({ imports: [SessionTestingModule.forRoot()], controllers: [AccountController] });
 * ```
 * @publicApi
 */
@Module({})
export class SessionTestingModule {
  /**
   * @param options the options of `SessionModule.forRoot`
   * @param driver the installed driver. @default 'better-sqlite3'
   */
  static forRoot(
    options: SessionModuleOptions & Omit<SessionModuleExtras, 'dataSource'> = {},
    driver: 'better-sqlite3' | 'sqljs' = 'better-sqlite3',
  ): DynamicModule {
    const dataSource = `sessions of ${options.kind ?? 'a test'}`;
    const shared = {
      name: dataSource,
      synchronize: true,
      entities: [...sessionEntities],
      retryAttempts: 0,
    };
    const database = driver === 'sqljs' ? { type: driver } : { type: driver, database: ':memory:' };
    return {
      module: SessionTestingModule,
      imports: [
        TypeOrmModule.forRoot({ ...shared, ...database }),
        SessionModule.forRoot({ ...options, dataSource }),
      ],
      exports: [SessionModule],
    };
  }
}
