import type { SessionEventBus } from '../../events/session-event-bus.js';
import type { RevocationReason } from '../../events/end-reason.js';
import type { RevocationRecord } from '../../store/revocation-record.js';
import type { SessionOutline } from '../../store/session-outline.js';

/**
 * Emits events for sessions that were ended individually. Sessions under a cut-off are reported when their rows are
 * deleted.
 */
export function tellOfEnded(
  events: SessionEventBus,
  rows: readonly RevocationRecord[],
  impersonations: readonly SessionOutline[],
  atMs: number,
): void {
  for (const { kind, handle, userId, tenantId, reason, detail } of rows) {
    if (kind !== 'session' || handle === null || userId === null || tenantId === null) continue;
    const facts = { sessionHandle: handle, userId, tenantId, atMs };
    events.emit('revoked', { ...facts, reason: reason as RevocationReason, detail });
    // Of many simultaneous replays, only the one that ended the session reports it.
    if (reason === 'token-theft') events.emit('theftDetected', facts);
  }
  tellOfImpersonations(events, impersonations, atMs);
}

/** The same for those of ended sessions in which somebody acted as the user. */
export function tellOfImpersonations(
  events: SessionEventBus,
  sessions: readonly Pick<SessionOutline, 'handle' | 'userId' | 'tenantId' | 'actor'>[],
  atMs: number,
): void {
  for (const { handle: sessionHandle, userId, tenantId, actor } of sessions) {
    if (actor === null) continue;
    events.emit('impersonationEnded', {
      actorId: actor.userId,
      actorSessionHandle: actor.handle,
      userId,
      tenantId,
      sessionHandle,
      reason: actor.reason,
      atMs,
    });
  }
}
