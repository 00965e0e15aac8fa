import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionOutline } from '../../store/session-outline.js';
import {
  FIRST_HANDLE,
  SessionRangeStore,
  type HandleRange,
} from '../../store/session-range.store.js';
import { SessionStore } from '../../store/session.store.js';
import { firstSessionHandleOf } from '../../tokens/session-handle.js';
import type { Batches } from './batches.js';

/** The sessions to process. */
export interface Swept {
  readonly range: HandleRange;
  /** The only tenant; null means all tenants. */
  readonly tenantId: string | null;
}

/**
 * Processes sessions along the primary key.
 *
 * @param end ends the sessions of a batch
 * @returns whether it reached the end
 */
export async function sweepSessions(
  database: SessionDatabase,
  { range, tenantId }: Swept,
  batches: Batches,
  end: (sessions: readonly SessionOutline[]) => Promise<unknown>,
): Promise<boolean> {
  const store = new SessionRangeStore(database);
  for (let left: HandleRange | undefined = range; left !== undefined;) {
    const { sessions, rest } = await store.findPart(left, tenantId);
    if (!(await batches.over(sessions, end))) return false;
    left = rest;
    await nextTurn();
  }
  return true;
}

/**
 * Deletes everyone's sessions created before a time.
 *
 * @param tenantId the only tenant; null for all
 * @param onDeleted receives each batch after its deletion
 * @returns whether it reached the end
 */
export function deleteCreatedBefore(
  database: SessionDatabase,
  createdBeforeMs: number,
  tenantId: string | null,
  batches: Batches,
  onDeleted: (deleted: readonly SessionOutline[]) => void = () => undefined,
): Promise<boolean> {
  const store = new SessionStore(database);
  const range = { after: FIRST_HANDLE, before: firstSessionHandleOf(createdBeforeMs) };
  return sweepSessions(database, { range, tenantId }, batches, async (sessions) => {
    await store.deleteAll(sessions.map(({ handle }) => handle));
    onDeleted(sessions);
  });
}
