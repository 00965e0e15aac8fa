import { CreateSessionTables1795392000000 } from './store/migrations/1795392000000-create-session-tables.js';

export { CreateSessionTables1795392000000 };

/**
 * The migrations of the module's tables in order, for data sources without `synchronize`. List them beside the
 * application's own.
 *
 * @example
 * ```ts
 * import { sessionMigrations } from 'nestjs-auth-sessions/migrations';
 *
 * TypeOrmModule.forRoot({ ..., migrations: [...sessionMigrations, 'dist/migrations/*.js'], migrationsRun: true })
 * ```
 * @publicApi
 */
export const sessionMigrations = [CreateSessionTables1795392000000] as const;
