import type { RevocationReason } from '../events/session-events.js';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import { revocationLifeMs } from '../revocation/revocation-line.js';
import type { RevocationRecord } from '../store/revocation.store.js';
import type { SessionRecord } from '../store/session-record.js';
import { newSessionHandle } from '../tokens/session-handle.js';

// Two instances' clocks may differ by what `ClockCorrection` leaves, which is about the way to the database and back: what
// one of them fetched before the change must not look as if it came after.
const FETCH_MARGIN_MS = 1_000;

type LineOptions = Pick<
  ResolvedSessionOptions,
  'accessTokenLifetimeMs' | 'endedSessionRetentionMs'
>;

/** How a session ended: also by the clock, which revokes nothing. @publicApi */
export type SessionEndReason = RevocationReason | 'expired-idle' | 'expired-absolute';

/** The line of a session that was ended: refused until no access token of it can be valid. */
export function revokedLine(
  session: Pick<SessionRecord, 'handle' | 'userId' | 'tenantId'>,
  reason: RevocationReason,
  detail: string | null,
  nowMs: number,
  options: LineOptions,
): RevocationRecord {
  return { ...line(nowMs, reason, options), ...ofSession(session), detail };
}

/** The line of a session whose time was over; it is there to tell of it, and refuses nothing. */
export function expiredLine(
  session: Pick<SessionRecord, 'handle' | 'userId' | 'tenantId'>,
  reason: 'expired-idle' | 'expired-absolute',
  endedAtMs: number,
  options: LineOptions,
): RevocationRecord {
  const keptUntilMs = endedAtMs + options.endedSessionRetentionMs;
  const base = line(endedAtMs, reason, options);
  return { ...base, ...ofSession(session), expiresAtMs: endedAtMs, keptUntilMs };
}

/** The line that ends all that was created before, of one user or of everyone, in one tenant or in all. */
export function cutOffLine(
  whose: { userId: string | null; tenantId: string | null },
  reason: RevocationReason,
  nowMs: number,
  options: LineOptions,
): RevocationRecord {
  return { ...line(nowMs, reason, options), kind: 'cut-off', ...whose, cutOffAtMs: nowMs };
}

/** The line after which a user's claims, where they were fetched before, have to be fetched again. */
export function staleClaimsLine(
  userId: string,
  nowMs: number,
  options: LineOptions,
): RevocationRecord {
  const base = line(nowMs, 'stale-claims', options);
  return {
    ...base,
    kind: 'stale-claims',
    userId,
    cutOffAtMs: nowMs + FETCH_MARGIN_MS,
    keptUntilMs: base.expiresAtMs,
  };
}

function line(nowMs: number, reason: string, options: LineOptions): RevocationRecord {
  const expiresAtMs = nowMs + revocationLifeMs(options);
  return {
    id: newSessionHandle(nowMs),
    kind: 'session',
    handle: null,
    userId: null,
    tenantId: null,
    cutOffAtMs: null,
    reason,
    detail: null,
    revokedAtMs: nowMs,
    expiresAtMs,
    keptUntilMs: Math.max(expiresAtMs, nowMs + options.endedSessionRetentionMs),
  };
}

function ofSession({
  handle,
  userId,
  tenantId,
}: Pick<SessionRecord, 'handle' | 'userId' | 'tenantId'>) {
  return { handle, userId, tenantId };
}
