import type { DataSource } from 'typeorm';
import { SessionConfigurationError } from '../../errors/session-configuration.error.js';
import type { Dialect } from './dialect.js';
import { mariadb } from './mariadb.dialect.js';
import { auroraMysql, mysql } from './mysql.dialect.js';
import { postgres, postgresCompatible } from './postgres.dialect.js';
import { sqlite } from './sqlite.dialect.js';

const DIALECTS: readonly Dialect[] = [
  postgres,
  mariadb,
  mysql,
  sqlite,
  postgresCompatible,
  auroraMysql,
];

/** @throws {SessionConfigurationError} for a driver of a database that can't keep sessions, naming those that can */
export function dialectOf({ options }: DataSource): Dialect {
  return dialectFor(options.type);
}

/**
 * @param driver TypeORM's name of it
 * @throws {SessionConfigurationError} as above
 */
export function dialectFor(driver: string): Dialect {
  const dialect = DIALECTS.find(({ drivers }) => drivers.includes(driver));
  if (dialect !== undefined) return dialect;
  const supported = DIALECTS.flatMap(({ drivers }) => drivers).map((each) => `\`${each}\``);
  throw new SessionConfigurationError(
    `Sessions can't be kept by TypeORM's driver \`${driver}\`. These can keep them: ${supported.join(', ')}. ` +
      'Give SessionModule a data source of its own (`dataSource`) if the application has to stay with this one.',
  );
}
