import type { KeyObject } from 'node:crypto';
import { constantTimeEqual, hmacSha256, randomBytes } from '../tokens/secrets.js';

/** The server's key for challenges. */
export interface ChallengeKey {
  /** Names the key in each challenge: 12 bytes, as 16 base64url characters. */
  readonly id: string;
  /** Only authenticates challenges. */
  readonly challengeKey: KeyObject;
}

/**
 * The purpose of a challenge: the registration of a device, a second attempt after a challenge that came too late, or a
 * refresh. A challenge for one purpose is invalid for the others.
 */
export type ChallengePurpose = 'registration' | 'second registration' | 'refresh';

/** The subject of the proof that a challenge asks for. */
export interface ChallengeSubject {
  readonly purpose: ChallengePurpose;
  readonly sessionHandle: string;
}

// version | key id | time of issue | random bytes | MAC over the purpose, the session and everything before the MAC.
const VERSION = 1;
const KEY_ID = { start: 1, end: 13 };
const ISSUED_AT = { start: 13, end: 19 };
const RANDOM = { start: 19, end: 35 };
const MAC = { start: 35, end: 67 };
const LENGTH = Math.ceil((MAC.end * 4) / 3);
const LATEST_MS = 2 ** 48 - 1;

/**
 * Makes a challenge that carries its purpose and its time, so that none is stored. It consists of base64url characters.
 *
 * @param issuedAtMs milliseconds since the epoch
 * @throws {RangeError} if that is not a time that fits into 48 bits
 */
export function mintChallenge(
  subject: ChallengeSubject,
  issuedAtMs: number,
  key: ChallengeKey,
): string {
  const issuedAt = Math.floor(issuedAtMs);
  if (!(issuedAt >= 0 && issuedAt <= LATEST_MS)) {
    throw new RangeError('A challenge needs a time between the epoch and 2^48 milliseconds');
  }
  const bytes = Buffer.alloc(MAC.end);
  bytes.writeUInt8(VERSION, 0);
  bytes.write(key.id, KEY_ID.start, 'base64url');
  bytes.writeUIntBE(issuedAt, ISSUED_AT.start, ISSUED_AT.end - ISSUED_AT.start);
  randomBytes.fill(bytes, RANDOM.start, RANDOM.end - RANDOM.start);
  macOf(subject, bytes.subarray(0, MAC.start), key).copy(bytes, MAC.start);
  return bytes.toString('base64url');
}

/**
 * When a challenge was made, in milliseconds since the epoch. The caller judges its age. Never throws.
 *
 * @param findKey finds a key by its id, which the client controls until the MAC has been checked
 * @returns `undefined` for a challenge of another session, for another purpose, or of a key that is not ours
 */
export function challengeIssuedAtMs(
  challenge: string,
  subject: ChallengeSubject,
  findKey: (id: string) => ChallengeKey | undefined,
): number | undefined {
  if (challenge.length !== LENGTH) return undefined;
  const bytes = Buffer.from(challenge, 'base64url');
  if (bytes.toString('base64url') !== challenge || bytes.readUInt8(0) !== VERSION) return undefined;
  const id = bytes.toString('base64url', KEY_ID.start, KEY_ID.end);
  const key = findKey(id);
  if (key?.id !== id) return undefined;
  const mac = macOf(subject, bytes.subarray(0, MAC.start), key);
  if (!constantTimeEqual(mac, bytes.subarray(MAC.start))) return undefined;
  return bytes.readUIntBE(ISSUED_AT.start, ISSUED_AT.end - ISSUED_AT.start);
}

function macOf(
  { purpose, sessionHandle }: ChallengeSubject,
  bytes: Buffer,
  key: ChallengeKey,
): Buffer {
  // A fixed length at the end leaves only one reading of the same bytes.
  const message = Buffer.concat([Buffer.from(`${purpose}|${sessionHandle}|`), bytes]);
  return hmacSha256(key.challengeKey, message);
}
