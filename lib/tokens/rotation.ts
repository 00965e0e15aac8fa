import type { RefreshTokenClaims } from './refresh-token.js';

/** What a session's row says of its refresh tokens. */
export interface RotationState {
  /** How often the session has rotated. */
  readonly generation: number;
  /** The hash of the spent token that began this generation; `NO_PARENT_HASH` in the first. */
  readonly parentHash: string;
  /** When a client first showed that a token of this generation had arrived, in ms since the epoch; else `null`. */
  readonly confirmedAtMs: number | null;
}

/**
 * What a presented refresh token calls for:
 * - `rotate`: the token is the session's live one. Begin the next generation by compare-and-swap on the generation and
 *   parent that were read; who loses the race reads the row again and decides again.
 * - `repeat`: the generation is so young that answers with other tokens of it may still be under way, so no new one
 *   begins. The same token stays good. Presenting it shows that it arrived: it confirms the generation, if nothing had.
 *   Then alone may the answer bring the token once more; after that, an answer with it could arrive later than one with
 *   its child, and put a spent token into the client's hands.
 * - `sibling`: the token is spent, yet its owner may never have got the answer, or asked twice at once. Another token
 *   of the current generation; nothing is written.
 * - `reuse`: someone held on to a token that the session has left behind. Two parties hold the session; end it.
 * - `ahead`: the row is older than the token, which only we can have made: a lagging replica, or a restored backup.
 *   No sign of theft. Read again, then answer unauthorized and leave the row alone.
 */
export type RotationDecision = 'rotate' | 'repeat' | 'sibling' | 'reuse' | 'ahead';

// A grace period for the last request that may still get a sibling, one for its answer, and one for a request that set
// out with another token just before that answer came: then the client holds one token, and what is under way is it.
export const GRACE_PERIODS_TO_ROTATION = 3;

/**
 * Decides by the token and the row alone; the caller acts, and settles races by compare-and-swap.
 *
 * The window for the parent lasts from the rotation until a grace period after the confirmation, and is over when
 * exactly a grace period has passed; the next rotation waits for three. A clock that has gone back keeps it open: the
 * session waits for the clock, and an honest client is never taken for a thief.
 *
 * A client alone is never taken for a thief while each of its messages takes less than a grace period, and of two
 * who hold one token neither is answered once the other has moved on twice. `rotation.model.spec.ts` shows both.
 *
 * @param token an authentic token of this session
 * @param gracePeriodMs 0 closes the window altogether: every use rotates, and every repetition is reuse
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
 * The latest confirmation of its generation with which a current token rotates, in milliseconds since the epoch; `null`
 * where it rotates confirmed or not.
 */
export function latestConfirmationMs(
  token: Pick<RefreshTokenClaims, 'generation'>,
  gracePeriodMs: number,
  nowMs: number,
): number | null {
  // The first generation has one token alone, which came with the login: nothing else can be under way.
  if (token.generation === 0 || gracePeriodMs === 0) return null;
  return nowMs - GRACE_PERIODS_TO_ROTATION * gracePeriodMs;
}

// A generation begun for another parent is another line, although it has the same number.
function isCurrent(
  token: Pick<RefreshTokenClaims, 'generation' | 'parentHash'>,
  row: RotationState,
): boolean {
  return token.generation === row.generation && token.parentHash === row.parentHash;
}

function isParent(
  token: Pick<RefreshTokenClaims, 'generation' | 'hash'>,
  row: RotationState,
): boolean {
  return token.generation === row.generation - 1 && token.hash === row.parentHash;
}

function isConfirmedBy(timeMs: number, row: RotationState): boolean {
  return row.confirmedAtMs !== null && row.confirmedAtMs <= timeMs;
}
