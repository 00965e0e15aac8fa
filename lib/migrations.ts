import { CreateSessionTables1795392000000 } from './store/migrations/1795392000000-create-session-tables.js';

export { CreateSessionTables1795392000000 };

/**
 * The migrations of the module's tables in their order, for data sources without `synchronize`. They stand beside the
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
