import type { RefreshTokenClaims } from './refresh-token.js';

/** The state of a session's refresh tokens, from its row. */
export interface RotationState {
  /** How often the session has rotated. */
  readonly generation: number;
  /** The hash of the spent token that began this generation; `NO_PARENT_HASH` in the first. */
  readonly parentHash: string;
  /** When a client first showed that a token of this generation had arrived, in ms since the epoch; else `null`. */
  readonly confirmedAtMs: number | null;
}

/**
 * The treatment of a presented refresh token:
 * - `rotate`: The token is the session's live one. Begin the next generation by compare-and-swap on the generation and
 * parent that were read. The loser of a race reads the row again and decides again.
 * - `repeat`: The generation is so young that answers with other tokens of it may still be under way, so no new one
 * begins. The same token stays valid. Presenting it proves that it arrived, which confirms the generation if nothing
 * had. Only that first confirmation's answer may contain the token again. A later answer with it could arrive after one
 * with its child, and put a spent token into the client's hands.
 * - `sibling`: The token is spent, but its owner may never have got the answer, or asked twice at once. The answer is
 * another token of the current generation; nothing is written.
 * - `reuse`: Somebody kept a token that the session has left behind. Two parties hold the session, so end it.
 * - `ahead`: The row is older than the token, which only we can have made: a lagging replica, or a restored backup.
 * This is no sign of theft. Read again, then answer unauthorized and leave the row alone.
 */
export type RotationDecision = 'rotate' | 'repeat' | 'sibling' | 'reuse' | 'ahead';

// One grace period for the last request that may still get a sibling, and one for its answer. The third is for a request
// sent with another token just before that answer came. After that, the client holds one token, and any message under
// way carries that one.
export const GRACE_PERIODS_TO_ROTATION = 3;

/**
 * Decides by the token and the row alone. The caller acts, and settles races by compare-and-swap.
 *
 * The window for the parent opens at the rotation, and closes exactly one grace period after the confirmation. The next
 * rotation waits for three. A clock that has gone back keeps the window open. The session waits for the clock, and an
 * honest client is never taken for a thief.
 *
 * A client alone is never taken for a thief while each of its messages takes less than a grace period. If two parties
 * hold one token, neither is answered once the other has moved on twice. `rotation.model.spec.ts` shows both.
 *
 * @param token an authentic token of this session
 * @param gracePeriodMs 0 closes the window. Every use then rotates, and every repetition is reuse
 * @param nowMs milliseconds since the epoch, by the clock that also wrote `confirmedAtMs`
 */
export function decideRotation(
  token: Pick<RefreshTokenClaims, 'generation' | 'parentHash' | 'hash'>,
  row: RotationState,
  gracePeriodMs: number,
  nowMs: number,
): RotationDecision {
  if (token.generation > row.generation) return 'ahead';
  if (isCurrent(token, row)) {
    const latestMs = latestConfirmationMs(token, gracePeriodMs, nowMs);
    return latestMs === null || isConfirmedBy(latestMs, row) ? 'rotate' : 'repeat';
  }
  const isOpen = gracePeriodMs > 0 && !isConfirmedBy(nowMs - gracePeriodMs, row);
  return isParent(token, row) && isOpen ? 'sibling' : 'reuse';
}

/**
 * The latest confirmation time at which a current token rotates, in milliseconds since the epoch; `null` if it rotates
 * without a confirmation.
 */
export function latestConfirmationMs(
  token: Pick<RefreshTokenClaims, 'generation'>,
  gracePeriodMs: number,
  nowMs: number,
): number | null {
  // The first generation has only the token of the login, so no other can be under way.
  if (token.generation === 0 || gracePeriodMs === 0) return null;
  return nowMs - GRACE_PERIODS_TO_ROTATION * gracePeriodMs;
}

// A generation with another parent belongs to another line, even if it has the same number.
function isCurrent(
  token: Pick<RefreshTokenClaims, 'generation' | 'parentHash'>,
  row: RotationState,
): boolean {
  return token.generation === row.generation && token.parentHash === row.parentHash;
}

/** Whether a spent token is the one that began the row's generation. */
export function isParent(
  token: Pick<RefreshTokenClaims, 'generation' | 'hash'>,
  row: RotationState,
): boolean {
  return token.generation === row.generation - 1 && token.hash === row.parentHash;
}

function isConfirmedBy(timeMs: number, row: RotationState): boolean {
  return row.confirmedAtMs !== null && row.confirmedAtMs <= timeMs;
}
