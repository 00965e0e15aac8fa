import type { AccessTokenPayload } from './access-token-payload.js';
import type { SessionClaim } from './session-claim.js';

/**
 * Whether a claim of a payload must be fetched again: it was neither fetched since then, nor asked for without finding
 * a value. A claim that is only ever set by hand would otherwise stay stale for ever.
 *
 * @param sinceMs milliseconds since the epoch
 */
export function isStale(
  claim: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
  sinceMs: number,
): boolean {
  const fetchedAtMs = claim.getLastFetchedTimeMs(payload);
  if (fetchedAtMs === undefined || fetchedAtMs >= sinceMs) return false;
  const askedAtMs = entryOf(claim, payload)?.a;
  return typeof askedAtMs !== 'number' || askedAtMs < sinceMs;
}

/**
 * The part of a payload that holds the claim's value as it is, with a note that a fetch found no other at this time;
 * `undefined` if there is no value, or a subclass gave the entry another shape. Its age stays.
 */
export function withAskedInVain(
  claim: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
  nowMs: number,
): AccessTokenPayload | undefined {
  const entry = entryOf(claim, payload);
  return entry === undefined ? undefined : { [claim.key]: { ...entry, a: nowMs } };
}

function entryOf(
  { key }: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
): { readonly a?: unknown } | undefined {
  const entry: unknown = Object.hasOwn(payload, key) ? Reflect.get(payload, key) : undefined;
  if (typeof entry !== 'object' || entry === null || !Object.hasOwn(entry, 'v')) return undefined;
  return typeof Reflect.get(entry, 't') === 'number' ? entry : undefined;
}
