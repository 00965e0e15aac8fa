import type { ExpiryReason, RevocationReason } from '../events/end-reason.js';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import { revocationLifeMs } from './revocation-row.js';
import type { RevocationRecord } from '../store/revocation-record.js';
import type { SessionRecord } from '../store/session-record.js';
import { newSessionHandle } from '../tokens/session-handle.js';

// `ClockCorrection` leaves two instances' clocks apart by about the round trip to the database. Claims that one of them
// fetched before the change must not appear newer than it.
const FETCH_MARGIN_MS = 1_000;

const LATE_REPLACEMENT: RevocationReason = 'replaced-by-login';

type RowOptions = Pick<
  ResolvedSessionOptions,
  'accessTokenLifetimeMs' | 'endedSessionRetentionMs'
> &
  Partial<Pick<ResolvedSessionOptions, 'deviceBinding'>>;

/**
 * The row of a session that was ended. It refuses the session until no access token of it can be valid. If the clock
 * has gone back, the last one may be from the future.
 */
export function revokedRow(
  session: Pick<
    SessionRecord,
    'handle' | 'userId' | 'tenantId' | 'lastActiveAtMs' | 'confirmedAtMs'
  >,
  reason: RevocationReason,
  detail: string | null,
  nowMs: number,
  options: RowOptions,
): RevocationRecord {
  // A refresh that is repeated makes another token, for a while after the first one's has arrived, and writes nothing.
  const lastMintAtMs = Math.max(nowMs, session.lastActiveAtMs, session.confirmedAtMs ?? 0);
  return { ...row(nowMs, reason, options, lastMintAtMs), ...ofSession(session), detail };
}

/** The row of a session that expired. It only explains the end, and refuses nothing. */
export function expiredRow(
  session: Pick<SessionRecord, 'handle' | 'userId' | 'tenantId' | 'actor'>,
  reason: ExpiryReason,
  endedAtMs: number,
  options: RowOptions,
): RevocationRecord {
  const keptUntilMs = endedAtMs + options.endedSessionRetentionMs;
  const base = row(endedAtMs, reason, options);
  const detail = session.actor?.userId ?? null;
  return { ...base, ...ofSession(session), detail, expiresAtMs: endedAtMs, keptUntilMs };
}

/**
 * The row of a session that was over before a login came in its place. It refuses nothing, names no user, and leaves it
 * to the other row to explain the end.
 */
export function lateReplacementRow(
  handle: string,
  nowMs: number,
  options: RowOptions,
): RevocationRecord {
  const base = row(nowMs, LATE_REPLACEMENT, options);
  return { ...base, handle, expiresAtMs: nowMs, keptUntilMs: base.expiresAtMs };
}

/** Whether a row is such a one. */
export function isLateReplacement(line: RevocationRecord): boolean {
  return line.reason === LATE_REPLACEMENT && line.expiresAtMs <= line.revokedAtMs;
}

/** The row that ends all earlier sessions, of one user or of everyone, in one tenant or in all. */
export function cutOffRow(
  whose: { userId: string | null; tenantId: string | null },
  reason: RevocationReason,
  nowMs: number,
  options: RowOptions,
): RevocationRecord {
  const base = row(nowMs, reason, options);
  // It names a user who is to be forgotten, so it does not stay to explain.
  const keptUntilMs = reason === 'user-forgotten' ? base.expiresAtMs : base.keptUntilMs;
  return { ...base, kind: 'cut-off', ...whose, cutOffAtMs: nowMs, keptUntilMs };
}

/** The row after which a user's earlier claims must be fetched again. */
export function staleClaimsRow(
  userId: string,
  nowMs: number,
  options: RowOptions,
): RevocationRecord {
  const base = row(nowMs, 'stale-claims', options);
  return {
    ...base,
    kind: 'stale-claims',
    userId,
    cutOffAtMs: nowMs + FETCH_MARGIN_MS,
    keptUntilMs: base.expiresAtMs,
  };
}

function row(
  nowMs: number,
  reason: string,
  options: RowOptions,
  lastMintAtMs = nowMs,
): RevocationRecord {
  const expiresAtMs = lastMintAtMs + revocationLifeMs(options);
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
