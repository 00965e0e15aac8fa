import type { SessionDatabase } from './session-database.js';

/**
 * The database's clock, in milliseconds since the epoch, with parts of one; `undefined` for an embedded database, which
 * has this machine's.
 */
export async function databaseNowMs(database: SessionDatabase): Promise<number | undefined> {
  const sql = database.dialect.now;
  if (sql === undefined) return undefined;
  const { rows } = await database.run(sql);
  const nowMs = Number(rows[0]?.['now']);
  return Number.isFinite(nowMs) ? nowMs : undefined;
}
