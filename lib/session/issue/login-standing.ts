/** A cut-off that applies to the user of a login. */
export interface MetCutOff {
  /** Sessions created before this are dead. Milliseconds since the epoch. */
  readonly cutOffAtMs: number;
  /** Whether the login's own request made it. */
  readonly isOwn: boolean;
}

/**
 * The time from which a login's session counts: the beginning of the login, because a later cut-off may have made its
 * checks obsolete. The login's own cut-offs end earlier sessions, but not its own.
 *
 * Cut-offs that are committed after this was asked need no further check: they end the session by the time from which
 * it counts. `login.model.spec.ts` shows it.
 *
 * @param begunAtMs milliseconds since the epoch
 * @param cutOffs the known cut-offs
 * @returns `undefined` if another's cut-off has overtaken the login
 */
export function countsFromMs(begunAtMs: number, cutOffs: readonly MetCutOff[]): number | undefined {
  let fromMs = begunAtMs;
  for (const { cutOffAtMs, isOwn } of cutOffs) {
    if (cutOffAtMs <= begunAtMs) continue;
    if (!isOwn) return undefined;
    fromMs = Math.max(fromMs, cutOffAtMs);
  }
  return fromMs;
}
