/** A cut-off that is meant for the user of a login. */
export interface MetCutOff {
  /** What was created before is dead. Milliseconds since the epoch. */
  readonly cutOffAtMs: number;
  /** Whether the request of the login has made it itself. */
  readonly isOwn: boolean;
}

/**
 * Since when the session of a login counts: since the login began, since what it has found out may be no longer true after
 * a cut-off that came later. Its own cut-offs end what was there before, and not itself.
 *
 * Cut-offs that are committed after this was asked need no other look: they end the session by the time that it counts
 * from. `login.model.spec.ts` shows it.
 *
 * @param begunAtMs milliseconds since the epoch
 * @param cutOffs those that are known
 * @returns `undefined` where somebody else's cut-off has overtaken the login
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
