import type { DataSource } from 'typeorm';
import { SessionConfigurationError } from '../../errors/session-configuration.error.js';
import type { Dialect } from './dialect.js';
import { mariadb } from './mariadb.dialect.js';
import { auroraMysql, mysql } from './mysql.dialect.js';
import { cockroachdb, postgres, postgresCompatible } from './postgres.dialect.js';
import { sqlite } from './sqlite.dialect.js';

const DIALECTS: readonly Dialect[] = [
  postgres,
  mariadb,
  mysql,
  sqlite,
  cockroachdb,
  postgresCompatible,
  auroraMysql,
];

/**
 * @throws {SessionConfigurationError} if the driver's database can't keep sessions, or not with these options; it names
 * those that can
 */
export function dialectOf({ options }: Pick<DataSource, 'options'>): Dialect {
  const dialect = dialectFor(options.type);
  const problem = dialect.refusedOption?.(options);
  if (problem !== undefined) throw new SessionConfigurationError(problem);
  return dialect;
}

/**
 * @param driver TypeORM's name for it
 * @throws {SessionConfigurationError} as above
 */
export function dialectFor(driver: string): Dialect {
  const dialect = DIALECTS.find(({ drivers }) => drivers.includes(driver));
  if (dialect !== undefined) return dialect;
  const supported = DIALECTS.flatMap(({ drivers }) => drivers).map((each) => `\`${each}\``);
  throw new SessionConfigurationError(
    `Sessions do not work with TypeORM's driver \`${driver}\`. Supported drivers: ${supported.join(', ')}. ` +
      'Give SessionModule a data source of its own (`dataSource`) if the application must keep this one.',
  );
}
