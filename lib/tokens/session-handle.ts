import { randomUUID } from 'node:crypto';

const TIMESTAMP_BYTES = 6;
const LATEST_MS = 2 ** 48 - 1;

// RFC 9562 §5.7: the digit after the second hyphen is the version, and the one after the third holds the variant.
const HANDLE_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * Makes a handle for a new session: a UUID of version 7 (RFC 9562 §5.7), in lower case. Handles are ordered by time, so
 * the primary key's index grows at one end. 74 random bits distinguish those of one millisecond. A handle names a
 * session and proves nothing.
 *
 * @param nowMs milliseconds since the epoch
 * @throws {RangeError} if `nowMs` is not a time that fits into 48 bits
 */
export function newSessionHandle(nowMs: number): string {
  const createdAtMs = Math.floor(nowMs);
  if (!(createdAtMs >= 0 && createdAtMs <= LATEST_MS)) {
    throw new RangeError('A session handle needs a time between the epoch and 2^48 milliseconds');
  }
  // UUIDs of versions 4 and 7 have the variant and 74 random bits in the same place. Node makes one from a store of
  // random bytes, in a tenth of the time of `randomBytes`.
  return handleOf(createdAtMs, randomUUID().slice(15));
}

/**
 * The boundary handle of a time. Every handle of an earlier time sorts before it, and no other handle does.
 *
 * @param atMs milliseconds since the epoch; a time before the epoch counts as the epoch
 */
export function firstSessionHandleOf(atMs: number): string {
  return handleOf(Math.min(Math.max(Math.floor(atMs), 0), LATEST_MS), '000-8000-000000000000');
}

/** Whether a value is a handle as `newSessionHandle` writes it. Each handle has one spelling. */
export function isSessionHandle(value: unknown): value is string {
  return typeof value === 'string' && HANDLE_PATTERN.test(value);
}

/**
 * When the session was created, in milliseconds since the epoch.
 *
 * @throws {TypeError} if the text is not a handle: an unreadable time must not pass for a late one
 */
export function sessionHandleCreatedAtMs(handle: string): number {
  if (!isSessionHandle(handle)) throw new TypeError('Not a session handle');
  return Number.parseInt(handle.slice(0, 8) + handle.slice(9, 13), 16);
}

/**
 * Writes the 16 bytes of a handle into a buffer.
 *
 * @throws {TypeError} if the text is not a handle
 */
export function writeSessionHandle(target: Buffer, handle: string, start: number): void {
  if (!isSessionHandle(handle)) throw new TypeError('Not a session handle');
  const hex =
    handle.slice(0, 8) +
    handle.slice(9, 13) +
    handle.slice(14, 18) +
    handle.slice(19, 23) +
    handle.slice(24);
  target.write(hex, start, 'hex');
}

/** The handle of 16 bytes, or `undefined` if they are not a UUID of version 7. */
export function sessionHandleFromBytes(bytes: Buffer): string | undefined {
  const hex = bytes.toString('hex');
  const handle = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return isSessionHandle(handle) ? handle : undefined;
}

/** @param rest the part after the version */
function handleOf(createdAtMs: number, rest: string): string {
  const time = createdAtMs.toString(16).padStart(2 * TIMESTAMP_BYTES, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest}`;
}
