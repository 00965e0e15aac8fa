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
 * Whether a token lacks a claim that must be fetched: its row has the mark of `missingMark`, or the token was made
 * before the claims were marked stale. A token that a fetch in vain has brought was made later.
 */
export function isMissing(
  { key }: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
  sinceMs: number,
): boolean {
  if (Object.hasOwn(payload, key)) return isMissingMark(Reflect.get(payload, key));
  const iat = payload['iat'];
  // In whole seconds: the token may have been made at the end of this one.
  return typeof iat === 'number' && (iat + 1) * 1000 <= sinceMs;
}

/** The part of a payload that asks for a claim of which it has no entry. A fetch replaces or removes it. */
export function missingMark({ key }: SessionClaim<unknown>): AccessTokenPayload {
  return { [key]: { t: 0 } };
}

/**
 * The change of a payload after a fetch that found nothing: the claim's value as it is gets a note of the time, and a
 * `missingMark` goes. `undefined` if there is neither, or a subclass gave the entry another shape. Its age stays.
 */
export function withAskedInVain(
  claim: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
  nowMs: number,
): AccessTokenPayload | undefined {
  if (isMissingMark(Reflect.get(payload, claim.key))) return { [claim.key]: null };
  const entry = entryOf(claim, payload);
  return entry === undefined ? undefined : { [claim.key]: { ...entry, a: nowMs } };
}

function isMissingMark(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null || Object.hasOwn(entry, 'v')) return false;
  return Reflect.get(entry, 't') === 0;
}

function entryOf(
  { key }: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
): { readonly a?: unknown } | undefined {
  const entry: unknown = Object.hasOwn(payload, key) ? Reflect.get(payload, key) : undefined;
  if (typeof entry !== 'object' || entry === null || !Object.hasOwn(entry, 'v')) return undefined;
  return typeof Reflect.get(entry, 't') === 'number' ? entry : undefined;
}
