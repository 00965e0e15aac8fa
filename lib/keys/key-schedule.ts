/** The time of a key, in milliseconds since the epoch. */
export interface ScheduledKey {
  readonly kid: string;
  readonly activeAtMs: number;
}

/** A signing key, which takes turns with those of its algorithm. */
export interface ScheduledSigningKey extends ScheduledKey {
  readonly algorithm: string;
}

/** The times by which signing keys are made and retired, in milliseconds. */
export interface KeyTimes {
  readonly rotationIntervalMs: number;
  readonly accessTokenLifetimeMs: number;
}

const LONGEST_LEAD_MS = 60_000;
const SHORTEST_LEAD_MS = 1_000;

/** How long a key is published before it signs, so that every instance and every JWKS cache has seen it. */
export function publicationLeadMs(rotationIntervalMs: number): number {
  return Math.min(LONGEST_LEAD_MS, Math.max(SHORTEST_LEAD_MS, rotationIntervalMs / 10));
}

/** The key that signs now: the one that became active last. Keys are in order of activation. */
export function activeKey<K extends ScheduledKey>(
  keys: readonly K[],
  nowMs: number,
): K | undefined {
  return keys.findLast((key) => key.activeAtMs <= nowMs);
}

/** When the next key must be made, early enough to be published before the newest one's time is over. */
export function nextKeyDueAtMs(
  keys: readonly ScheduledKey[],
  rotationIntervalMs: number,
): number | undefined {
  const newest = keys.at(-1);
  return newest && newest.activeAtMs + rotationIntervalMs - publicationLeadMs(rotationIntervalMs);
}

/**
 * Until when a key signs access tokens. Each algorithm has keys of its own, because instances of two algorithms may share
 * a database, and one that has started once must not retire the key of all others. A later key of another algorithm
 * shows only that this one's may be out of use, so without a successor of its own it ends after its interval. Keys are in order of activation.
 */
export function signsUntilMs(
  key: ScheduledSigningKey,
  keys: readonly ScheduledSigningKey[],
  rotationIntervalMs: number,
): number {
  let other: ScheduledSigningKey | undefined;
  for (const each of keys) {
    if (each.activeAtMs <= key.activeAtMs) continue;
    if (each.algorithm === key.algorithm) return each.activeAtMs;
    other ??= each;
  }
  if (other === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(key.activeAtMs + rotationIntervalMs, other.activeAtMs);
}

/**
 * Until when a key's tokens can be valid: one token lifetime after it has signed the last. The margin covers an instance
 * that learns late of the next key.
 */
export function verifiesUntilMs(
  key: ScheduledSigningKey,
  keys: readonly ScheduledSigningKey[],
  { rotationIntervalMs, accessTokenLifetimeMs }: KeyTimes,
): number {
  return signsUntilMs(key, keys, rotationIntervalMs) + accessTokenLifetimeMs + 2 * LONGEST_LEAD_MS;
}

/** Whether all tokens of a key have expired. */
export function isPastUse(
  key: ScheduledSigningKey,
  keys: readonly ScheduledSigningKey[],
  times: KeyTimes,
  nowMs: number,
): boolean {
  return nowMs >= verifiesUntilMs(key, keys, times);
}
