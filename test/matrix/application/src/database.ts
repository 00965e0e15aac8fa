import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { sessionMigrations } from 'nestjs-auth-sessions/migrations';

/** The server that DATABASE_URL names; otherwise SQLite in memory. */
export function database(): TypeOrmModuleOptions {
  const url = process.env.DATABASE_URL;
  const settings = {
    autoLoadEntities: true,
    migrations: [...sessionMigrations],
    migrationsRun: true,
    retryAttempts: 0,
  };
  if (url?.startsWith('postgres:')) return { ...settings, type: 'postgres', url };
  if (url?.startsWith('mysql:')) return { ...settings, type: 'mariadb', url };
  return { ...settings, type: 'sqljs' };
}
