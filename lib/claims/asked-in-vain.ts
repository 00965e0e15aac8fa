import type { AccessTokenPayload } from './access-token-payload.js';
import { isOfFuture } from './max-age.js';
import type { SessionClaim } from './session-claim.js';

/** The fetch time of a claim marked stale in the row: earlier than any real one. */
export const MARKED_STALE_AT_MS = 0;

/**
 * Whether a claim of a payload must be fetched again: it was neither fetched since then, nor asked for without finding
 * a value. A claim that is only ever set by hand would otherwise stay stale for ever.
 *
 * @param sinceMs when the claims were marked stale, in milliseconds since the epoch; `undefined` if only the payload's
 *   own mark counts
 */
export function isStale(
  claim: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
  sinceMs: number | undefined,
  nowMs: number,
): boolean {
  const fetchedAtMs = claim.getLastFetchedTimeMs(payload);
  if (fetchedAtMs === undefined || !isBefore(fetchedAtMs, sinceMs, nowMs)) return false;
  const askedAtMs = entryOf(claim, payload)?.a;
  return typeof askedAtMs !== 'number' || isBefore(askedAtMs, sinceMs, nowMs);
}

// After a clock has gone back, a time of the future may be older than a mark. A mark of the future is of the same clock.
function isBefore(timeMs: number, sinceMs: number | undefined, nowMs: number): boolean {
  if (sinceMs === undefined) return timeMs <= MARKED_STALE_AT_MS;
  return timeMs < sinceMs || (isAhead(timeMs, nowMs) && !isAhead(sinceMs, nowMs));
}

/** Whether a time is further in the future than clocks may differ. */
export function isAhead(timeMs: number, nowMs: number): boolean {
  return isOfFuture((nowMs - timeMs) / 1000);
}

/**
 * Whether a token lacks a claim that must be fetched: its row has the mark of `missingMark`, or the token was made
 * before the claims were marked stale. A token that a fetch in vain has brought was made later.
 */
export function isMissing(
  { key }: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
  sinceMs: number | undefined,
): boolean {
  if (Object.hasOwn(payload, key)) return isMissingMark(Reflect.get(payload, key));
  const iat = payload['iat'];
  // In whole seconds: the token may have been made at the end of this one.
  return typeof iat === 'number' && sinceMs !== undefined && (iat + 1) * 1000 <= sinceMs;
}

/** The part of a payload that asks for a claim of which it has no entry. A fetch replaces or removes it. */
export function missingMark({ key }: SessionClaim<unknown>): AccessTokenPayload {
  return { [key]: { t: MARKED_STALE_AT_MS } };
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
  return Reflect.get(entry, 't') === MARKED_STALE_AT_MS;
}

function entryOf(
  { key }: SessionClaim<unknown>,
  payload: Readonly<AccessTokenPayload>,
): { readonly a?: unknown } | undefined {
  const entry: unknown = Object.hasOwn(payload, key) ? Reflect.get(payload, key) : undefined;
  if (typeof entry !== 'object' || entry === null || !Object.hasOwn(entry, 'v')) return undefined;
  return typeof Reflect.get(entry, 't') === 'number' ? entry : undefined;
}
