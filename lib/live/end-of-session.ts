import { SessionEndedException } from '../errors/session-ended.exception.js';
import type { RefusalReason } from '../errors/refusal-reason.js';
import type { StatusCodes } from '../options/status-code-options.js';
import type { JudgedSession } from '../verification/known-revocations.js';
import type { LiveEnd, LiveEndReason } from '../verification/session-ends.js';

// A newer access token of the session is admitted again.
const OF_TOKEN: ReadonlySet<LiveEndReason> = new Set([
  'token-expired',
  'signing-key-revoked',
  'claims-stale',
]);

/** The report of the end of an open connection. */
export function endOf(
  session: JudgedSession,
  reason: LiveEndReason,
  atMs: number,
  statusCodes?: StatusCodes,
): LiveEnd {
  const { handle: sessionHandle, userId, tenantId } = session;
  const refused = { sessionHandle, userId };
  const error = new SessionEndedException(codeOf(reason), refusalOf(reason), reason, refused);
  if (statusCodes !== undefined) error.answerWith(statusCodes[error.statusOption]);
  return { reason, sessionHandle, userId, tenantId, atMs, error };
}

function codeOf(reason: LiveEndReason): SessionEndedException['code'] {
  if (reason === 'claims') return 'INVALID_CLAIMS';
  return OF_TOKEN.has(reason) ? 'TRY_REFRESH_TOKEN' : 'UNAUTHORISED';
}

function refusalOf(reason: LiveEndReason): RefusalReason {
  if (reason === 'token-expired') return 'access-token-expired';
  if (reason === 'signing-key-revoked' || reason === 'claims-stale' || reason === 'claims') {
    return reason;
  }
  const isByTime = reason === 'expired-idle' || reason === 'expired-absolute';
  return isByTime ? 'session-over' : 'session-revoked';
}
