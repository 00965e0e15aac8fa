import { FEED_VERSION, type FeedAnswer, type FeedLine } from '../revocation/feed-answer.js';
import type { Revocation } from '../revocation/revoked-sessions.js';
import { isSessionHandle } from '../tokens/session-handle.js';
import { IssuerFault } from './issuer-client.js';

const MOST_LINES = 10_000;
const MOST_KEYS = 10_000;
const LONGEST_TEXT = 4_096;
const LATEST_MS = 8.64e15;

/**
 * Reads an answer of the feed, and trusts nothing in it.
 *
 * @throws {IssuerFault} that names the flaw
 */
export function readFeedAnswer(
  json: unknown,
  expected: { readonly issuer: string; readonly audience: string | undefined },
): FeedAnswer {
  const answer = json as Partial<FeedAnswer> | null;
  if (typeof answer !== 'object' || answer === null) throw wrong('is not an object');
  if (answer.version !== FEED_VERSION) {
    throw wrong(
      'has a version that this service does not know: update the service before the issuer',
    );
  }
  if (answer.issuer !== expected.issuer) throw wrong('belongs to another issuer');
  if ((answer.audience ?? undefined) !== expected.audience)
    throw wrong('belongs to another audience');
  const { time, age, accessTokenLifetime, keys, claims, cursor, more, lines } = answer;
  const isWhole =
    isTime(time) &&
    isTime(age) &&
    isTime(accessTokenLifetime) &&
    accessTokenLifetime > 0 &&
    isTime(keys?.at) &&
    isListOf(keys.ids, MOST_KEYS, isText) &&
    isListOf(claims, MOST_KEYS, isText) &&
    isText(cursor) &&
    typeof more === 'boolean' &&
    isListOf(lines, MOST_LINES, isLine);
  if (!isWhole) throw wrong('is incomplete');
  // Such a list would end every session here, and an issuer without a key has signed none.
  if (keys.ids.length === 0) throw wrong('names no key: one of its instances can’t open them');
  return answer as FeedAnswer;
}

// The issuer tells nobody the reason.
const REASON = 'revoked';

/** Translates a line for the memory of revoked sessions. */
export function revocationOf(line: FeedLine): Revocation {
  const { until: expiresAtMs } = line;
  if (line.kind === 'session') {
    return { kind: 'session', handle: line.handle, reason: REASON, expiresAtMs };
  }
  if (line.kind === 'cut-off') {
    const { userId = null, tenantId = null, createdBefore: cutOffAtMs } = line;
    return { kind: 'cut-off', userId, tenantId, cutOffAtMs, reason: REASON, expiresAtMs };
  }
  const { userId, fetchedBefore: staleAtMs } = line;
  return { kind: 'stale-claims', userId, staleAtMs, expiresAtMs };
}

function wrong(what: string): IssuerFault {
  return new IssuerFault(`its feed ${what}`);
}

function isListOf<T>(
  value: unknown,
  most: number,
  isItem: (item: unknown) => item is T,
): value is readonly T[] {
  return Array.isArray(value) && value.length <= most && value.every(isItem);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LATEST_MS;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_TEXT;
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || (isText(value) && value !== '');
}

function isLine(value: unknown): value is FeedLine {
  const line = value as Readonly<Record<string, unknown>> | null;
  if (typeof line !== 'object' || line === null || !isTime(line['until'])) return false;
  if (!isOptionalText(line['userId']) || !isOptionalText(line['tenantId'])) return false;
  switch (line['kind']) {
    case 'session':
      return isSessionHandle(line['handle']);
    case 'cut-off':
      return isTime(line['createdBefore']);
    case 'stale-claims':
      return isText(line['userId']) && isTime(line['fetchedBefore']);
    default:
      return false;
  }
}
