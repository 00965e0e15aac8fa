import type { RevocationReason } from '../events/end-reason.js';
import { longestAccessTokenMs } from '../options/device-binding-options.js';
import type { RevocationRecord } from '../store/revocation-record.js';
import type { Revocation } from './revoked-sessions.js';

// Covers an access token that another instance issued before the revocation was committed, and clocks that differ.
const MARGIN_MS = 10 * 60_000;

/** How long after a revocation an instance may still receive an earlier access token that it would accept. */
export function revocationLifeMs(options: Parameters<typeof longestAccessTokenMs>[0]): number {
  return longestAccessTokenMs(options) + MARGIN_MS;
}

/**
 * Translates a stored line for the memory of revoked sessions; `undefined` for a line that refuses nothing.
 *
 * @param lifeMs the reader's `revocationLifeMs`. During a rolling deployment, the writer's tokens may live shorter than
 * the reader's, and so would the end that the writer stored
 */
export function toRevocation(record: RevocationRecord, lifeMs: number): Revocation | undefined {
  const { kind, handle, userId, tenantId, cutOffAtMs, revokedAtMs } = record;
  const expiresAtMs = Math.max(record.expiresAtMs, revokedAtMs + lifeMs);
  const reason = record.reason as RevocationReason;
  if (kind === 'session') {
    // The line of a session that expired only explains its end, and refuses nothing.
    const isRevoked = record.expiresAtMs > revokedAtMs;
    return handle === null || !isRevoked ? undefined : { kind, handle, reason, expiresAtMs };
  }
  if (cutOffAtMs === null) return undefined;
  if (kind === 'cut-off') return { kind, userId, tenantId, cutOffAtMs, reason, expiresAtMs };
  return userId === null ? undefined : { kind, userId, staleAtMs: cutOffAtMs, expiresAtMs };
}
