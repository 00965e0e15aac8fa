/** The times of a signing key, in milliseconds since the epoch. */
export interface ScheduledKey {
  readonly kid: string;
  readonly activeAtMs: number;
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
 * Until when a key's tokens can be valid: one token lifetime after the next key took over, or forever without a next
 * key. The margin covers an instance that learns late of the next key.
 */
export function verifiesUntilMs(
  key: ScheduledKey,
  keys: readonly ScheduledKey[],
  accessTokenLifetimeMs: number,
): number {
  const successor = keys.find((each) => each.activeAtMs > key.activeAtMs);
  if (successor === undefined) return Number.POSITIVE_INFINITY;
  return successor.activeAtMs + accessTokenLifetimeMs + 2 * LONGEST_LEAD_MS;
}

/** Whether all tokens of a key have expired. */
export function isPastUse(
  key: ScheduledKey,
  keys: readonly ScheduledKey[],
  accessTokenLifetimeMs: number,
  nowMs: number,
): boolean {
  return nowMs >= verifiesUntilMs(key, keys, accessTokenLifetimeMs);
}
