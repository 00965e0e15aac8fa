import type { ByPersistence, SessionRecord, WrittenByRotation } from './session-record.js';

/** A rotation that a refresh token alone can request: the row decides. Times in milliseconds since the epoch. */
export interface Rotation {
  readonly handle: string;
  readonly from: {
    readonly generation: number;
    readonly parentHash: string;
    /** The latest time at which the generation may have been confirmed; null: no confirmation is needed. */
    readonly confirmedByMs: number | null;
    /** The time after which the session must have been active. */
    readonly activeAfterMs: ByPersistence;
  };
  readonly next: WrittenByRotation;
}

/** The row before a rotation and after it. */
export interface RotationStep {
  readonly from: SessionRecord;
  readonly next: SessionRecord;
}

/** The highest value of the column of generations. */
export const LAST_GENERATION = 2 ** 31 - 1;

/**
 * Whether a row rotates: `decideRotation` allows it, it has not expired, it is bound to no device, and nobody else acts
 * in it.
 */
export function mayRotate(row: SessionRecord, { from, next }: Rotation): boolean {
  const { confirmedByMs, activeAfterMs } = from;
  const isSettled =
    confirmedByMs === null || (row.confirmedAtMs !== null && row.confirmedAtMs <= confirmedByMs);
  return (
    row.generation === from.generation &&
    row.parentHash === from.parentHash &&
    row.expiresAtMs > next.atMs &&
    row.deviceKey === null &&
    row.actor === null &&
    isSettled &&
    row.lastActiveAtMs > (row.persistent ? activeAfterMs.persistent : activeAfterMs.nonPersistent)
  );
}

/** A row that was read, as it is after a rotation. */
export function afterRotation(row: SessionRecord, { next }: Rotation): SessionRecord {
  return {
    ...row,
    generation: row.generation + 1,
    parentHash: next.parentHash,
    rotatedAtMs: next.atMs,
    confirmedAtMs: null,
    lastActiveAtMs: next.atMs,
    expiresAtMs: row.persistent ? next.endsAtMs.persistent : next.endsAtMs.nonPersistent,
  };
}
