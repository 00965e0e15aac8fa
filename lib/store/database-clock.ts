import type { SessionDatabase } from './session-database.js';

/**
 * The database's clock, in milliseconds since the epoch, with fractions; `undefined` for an embedded database, which
 * uses this machine's clock.
 */
export async function databaseNowMs(database: SessionDatabase): Promise<number | undefined> {
  const sql = database.dialect.now;
  if (sql === undefined) return undefined;
  const { rows } = await database.run(sql);
  const nowMs = Number(rows[0]?.['now']);
  return Number.isFinite(nowMs) ? nowMs : undefined;
}
