import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SessionRecord } from '../store/session-record.js';
import type { SessionStore } from '../store/session.store.js';
import { firstSessionHandleOf } from '../tokens/session-handle.js';

/**
 * Deletes everyone's sessions that were created before a time, in batches along the primary key.
 *
 * @param tenantId in this tenant alone; in all of them where it is null
 * @param onDeleted gets each batch, once it is deleted
 */
export async function deleteCreatedBefore(
  sessions: SessionStore,
  createdBeforeMs: number,
  tenantId: string | null,
  onDeleted: (deleted: readonly SessionRecord[]) => void = () => undefined,
): Promise<void> {
  const beyond = firstSessionHandleOf(createdBeforeMs);
  let page = await sessions.findPage();
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    const before = page.filter(
      (record) =>
        record.createdAtMs < createdBeforeMs && (tenantId ?? record.tenantId) === record.tenantId,
    );
    await sessions.deleteAll(before.map((record) => record.handle));
    onDeleted(before);
    // Handles order by their time: none that comes after this one was created before.
    if (last.handle >= beyond) return;
    await nextTurn();
    page = await sessions.findPage(last.handle);
  }
}
