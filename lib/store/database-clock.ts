import type { SessionDatabase } from './session-database.js';

// Both to the microsecond: what a clock leaves out would count as its error.
const POSTGRES_NOW = 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS now';
// Local time would be ambiguous in the hour that comes twice when summer time ends.
const MYSQL_NOW =
  "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) / 1000 AS now";

const NOW_BY_TYPE: Readonly<Record<string, string>> = {
  postgres: POSTGRES_NOW,
  'aurora-postgres': POSTGRES_NOW,
  cockroachdb: POSTGRES_NOW,
  mysql: MYSQL_NOW,
  mariadb: MYSQL_NOW,
  'aurora-mysql': MYSQL_NOW,
};

/**
 * The database's clock, in milliseconds since the epoch, with parts of one; `undefined` for an embedded database, which
 * has this machine's.
 */
export async function databaseNowMs(database: SessionDatabase): Promise<number | undefined> {
  const sql = NOW_BY_TYPE[database.type];
  if (sql === undefined) return undefined;
  const { rows } = await database.run(sql);
  const nowMs = Number(rows[0]?.['now']);
  return Number.isFinite(nowMs) ? nowMs : undefined;
}
