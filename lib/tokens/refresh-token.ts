import type { KeyObject } from 'node:crypto';
import { constantTimeEqual, hmacSha256, randomBytes, sha256Hex } from './secrets.js';
import { sessionHandleFromBytes, writeSessionHandle } from './session-handle.js';

/** The parent hash of a session's first refresh token, which has no parent. */
export const NO_PARENT_HASH = '0'.repeat(64);

/** The server's keys for refresh tokens and for the values derived from them. */
export interface RefreshTokenKey {
  /** Names the key in each token: 12 bytes, as 16 base64url characters. */
  readonly id: string;
  /** Only authenticates refresh tokens. */
  readonly macKey: KeyObject;
  /** Only derives anti-CSRF tokens. */
  readonly antiCsrfKey: KeyObject;
  /** Only authenticates the challenges that a device has to sign. */
  readonly challengeKey: KeyObject;
}

/** The place of a refresh token in its session. */
export interface RefreshTokenLineage {
  readonly sessionHandle: string;
  /** How many rotations lie between the session's first token and this one. */
  readonly generation: number;
  /** SHA-256, in hex, of the token that this one was issued for; `NO_PARENT_HASH` for the first. */
  readonly parentHash: string;
}

/** The content of an authentic refresh token, with its own hash: SHA-256 of its text, in hex. */
export interface RefreshTokenClaims extends RefreshTokenLineage {
  readonly keyId: string;
  readonly hash: string;
}

export type RefreshTokenReading =
  | { readonly ok: true; readonly claims: RefreshTokenClaims }
  | { readonly ok: false; readonly reason: 'malformed' | 'unknown-key' | 'bad-mac' };

// Lets secret scanners recognize a token in a log or a repository.
const PREFIX = 'nasr_';
const VERSION = 1;
const MAX_GENERATION = 0xffff_ffff;

// version | key id | session handle | generation | nonce | parent hash | MAC. Each part has a fixed length, so the
// bytes have only one reading and the MAC needs no separators.
const KEY_ID = { start: 1, end: 13 };
const HANDLE = { start: 13, end: 29 };
const GENERATION = { start: 29, end: 33 };
const NONCE = { start: 33, end: 49 };
const PARENT_HASH = { start: 49, end: 81 };
const MAC = { start: 81, end: 113 };
const KEY_ID_PATTERN = /^[\w-]{16}$/;
const HASH_PATTERN = /^[0-9a-f]{64}$/;
const TOKEN_LENGTH = PREFIX.length + Math.ceil((MAC.end * 4) / 3);

/** Whether a text looks like one of our refresh tokens, unlike other values in a header. */
export function isRefreshTokenLike(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * Makes a refresh token. Two calls never make the same one. Each has 16 random bytes.
 *
 * @throws {TypeError} if the handle, the parent's hash or the key's id is malformed
 * @throws {RangeError} if the generation is not an unsigned integer of 32 bits
 */
export function mintRefreshToken(
  lineage: RefreshTokenLineage,
  key: RefreshTokenKey,
): { token: string; hash: string } {
  const { sessionHandle, generation, parentHash } = lineage;
  if (!Number.isInteger(generation) || generation < 0 || generation > MAX_GENERATION) {
    throw new RangeError('A generation must be an unsigned integer of 32 bits');
  }
  if (!KEY_ID_PATTERN.test(key.id)) throw new TypeError('A key id must be 16 base64url characters');
  if (!HASH_PATTERN.test(parentHash))
    throw new TypeError('A hash must be 64 lower-case hex digits');
  // Every byte is written below.
  const bytes = Buffer.allocUnsafe(MAC.end);
  bytes.writeUInt8(VERSION, 0);
  bytes.write(key.id, KEY_ID.start, 'base64url');
  writeSessionHandle(bytes, sessionHandle, HANDLE.start);
  bytes.writeUInt32BE(generation, GENERATION.start);
  randomBytes.fill(bytes, NONCE.start, NONCE.end - NONCE.start);
  bytes.write(parentHash, PARENT_HASH.start, 'hex');
  hmacSha256(key.macKey, bytes.subarray(0, MAC.start)).copy(bytes, MAC.start);
  const token = PREFIX + bytes.toString('base64url');
  return { token, hash: sha256Hex(token) };
}

/**
 * Reads a refresh token that a client presents. It never throws, whatever the value. Only an authentic token yields
 * claims, so a forged one can neither name a session nor revoke one.
 *
 * @param findKey finds the key by its id. The client controls the id until the MAC is checked, so look it up in a
 * `Map`, not in an object
 */
export function readRefreshToken(
  token: unknown,
  findKey: (id: string) => RefreshTokenKey | undefined,
): RefreshTokenReading {
  if (typeof token !== 'string') return refused('malformed');
  const bytes = tokenBytes(token);
  if (bytes === undefined) return refused('malformed');

  const keyId = bytes.toString('base64url', KEY_ID.start, KEY_ID.end);
  const key = findKey(keyId);
  if (key?.id !== keyId) return refused('unknown-key');
  const mac = hmacSha256(key.macKey, bytes.subarray(0, MAC.start));
  if (!constantTimeEqual(mac, bytes.subarray(MAC.start))) return refused('bad-mac');

  const sessionHandle = sessionHandleFromBytes(bytes.subarray(HANDLE.start, HANDLE.end));
  if (sessionHandle === undefined) return refused('malformed');
  const generation = bytes.readUInt32BE(GENERATION.start);
  const parentHash = bytes.toString('hex', PARENT_HASH.start, PARENT_HASH.end);
  return {
    ok: true,
    claims: { keyId, sessionHandle, generation, parentHash, hash: sha256Hex(token) },
  };
}

function tokenBytes(token: string): Buffer | undefined {
  // This precedes all decoding and copying, so that a text of megabytes costs nothing.
  if (token.length !== TOKEN_LENGTH || !token.startsWith(PREFIX)) return undefined;
  const text = token.slice(PREFIX.length);
  const bytes = Buffer.from(text, 'base64url');
  // Node also reads `+`, `/` and spaces, and ignores the last character's spare bits. One token would then have many
  // spellings, each with its own hash, so only the spelling that we write is valid.
  if (bytes.toString('base64url') !== text) return undefined;
  return bytes.readUInt8(0) === VERSION ? bytes : undefined;
}

function refused(reason: 'malformed' | 'unknown-key' | 'bad-mac'): RefreshTokenReading {
  return { ok: false, reason };
}
