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

// Of TypeORM 0.3. A revocation without its rows would end nothing on other instances.
const ROWLESS_DRIVER = 'sqlite';
const IN_ITS_PLACE =
  'Use `better-sqlite3`, which reads the same file: `sqlite` does not return the rows that a statement deletes or updates. ';

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
  const cure = driver === ROWLESS_DRIVER ? IN_ITS_PLACE : '';
  throw new SessionConfigurationError(
    `Sessions do not work with TypeORM's driver \`${driver}\`. ${cure}Supported drivers: ${supported.join(', ')}. ` +
      'Give SessionModule a data source of its own (`dataSource`) if the application must keep this one.',
  );
}
