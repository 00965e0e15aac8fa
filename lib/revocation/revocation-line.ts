import type { RevocationRecord } from '../store/revocation.store.js';
import type { Revocation } from './revoked-sessions.js';

/** What a stored line says to the memory of revoked sessions; `undefined` for a line that says nothing. */
export function toRevocation(record: RevocationRecord): Revocation | undefined {
  const { kind, handle, userId, tenantId, cutOffAtMs, expiresAtMs } = record;
  if (kind === 'session') return handle === null ? undefined : { kind, handle, expiresAtMs };
  if (cutOffAtMs === null) return undefined;
  if (kind === 'cut-off') return { kind, userId, tenantId, cutOffAtMs, expiresAtMs };
  return userId === null ? undefined : { kind, userId, staleAtMs: cutOffAtMs, expiresAtMs };
}
