import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import { isLateReplacement, lateReplacementRow } from '../../revocation/new-revocation-rows.js';
import { RevocationStore } from '../../store/revocation.store.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { EndedSessions } from '../end/session-revoker.js';

/**
 * Notes sessions that were over before a login came in their place. A request with their tokens may still be under way,
 * and its answer must not take those of the login from the client.
 *
 * @param replaced the handles of all sessions that the login replaces
 * @param ended those that it has ended itself
 */
export async function noteLateReplacements(
  database: SessionDatabase,
  replaced: readonly string[],
  { records: ended }: EndedSessions,
  nowMs: number,
  options: ResolvedSessionOptions,
): Promise<void> {
  // Then no session has a line.
  if (options.revocation === false && options.endedSessionRetentionMs === 0) return;
  const store = new RevocationStore(database);
  const rest = replaced.filter((each) => ended.every(({ handle }) => handle !== each));
  for (const handle of rest) {
    // A client may show the same token at each of many logins.
    const former = (await store.findEnds(handle)).filter(isLateReplacement);
    await store.delete(former.map(({ id }) => id));
  }
  await store.insert(rest.map((handle) => lateReplacementRow(handle, nowMs, options)));
}
