import type { RevocationRecord } from '../store/revocation.store.js';
import type { Revocation } from './revoked-sessions.js';

// An access token issued before the revocation was committed, by an instance that could not know of it, and clocks that
// differ.
const MARGIN_MS = 10 * 60_000;

/** How long after a revocation an instance may still meet an access token of before that it would accept. */
export function revocationLifeMs(options: { readonly accessTokenLifetimeMs: number }): number {
  return options.accessTokenLifetimeMs + MARGIN_MS;
}

/**
 * What a stored line says to the memory of revoked sessions; `undefined` for a line that says nothing.
 *
 * @param lifeMs the reader's `revocationLifeMs`. While a deployment rolls, the writer's tokens may live shorter than the
 *   reader's, and so would what the writer says of the line's end
 */
export function toRevocation(record: RevocationRecord, lifeMs: number): Revocation | undefined {
  const { kind, handle, userId, tenantId, cutOffAtMs, revokedAtMs } = record;
  const expiresAtMs = revokedAtMs + lifeMs;
  if (kind === 'session') {
    // The line of a session that the clock has ended is there to tell of it, and refuses nothing.
    const isRevoked = record.expiresAtMs > revokedAtMs;
    return handle === null || !isRevoked ? undefined : { kind, handle, expiresAtMs };
  }
  if (cutOffAtMs === null) return undefined;
  if (kind === 'cut-off') return { kind, userId, tenantId, cutOffAtMs, expiresAtMs };
  return userId === null ? undefined : { kind, userId, staleAtMs: cutOffAtMs, expiresAtMs };
}
