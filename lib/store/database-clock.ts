import type { SessionDatabase } from './session-database.js';

const NOW_BY_TYPE: Readonly<Record<string, string>> = {
  postgres: 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS now',
  'aurora-postgres': 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS now',
  cockroachdb: 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS now',
  mysql: 'SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS now',
  mariadb: 'SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS now',
  'aurora-mysql': 'SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS now',
};

/**
 * The database's clock, in milliseconds since the epoch; `undefined` for an embedded database, which has this machine's.
 */
export async function databaseNowMs(database: SessionDatabase): Promise<number | undefined> {
  const sql = NOW_BY_TYPE[database.type];
  if (sql === undefined) return undefined;
  const { rows } = await database.run(sql);
  const nowMs = Number(rows[0]?.['now']);
  return Number.isFinite(nowMs) ? nowMs : undefined;
}
