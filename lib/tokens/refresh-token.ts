import type { KeyObject } from 'node:crypto';
import { constantTimeEqual, hmacSha256, randomBytes, sha256Hex } from './secrets.js';
import { sessionHandleFromBytes, writeSessionHandle } from './session-handle.js';

/** The parent hash of a session's first refresh token, which was issued for none. */
export const NO_PARENT_HASH = '0'.repeat(64);

/** The server's keys for refresh tokens and for what is derived from them. */
export interface RefreshTokenKey {
  /** Names the key in each token: 12 bytes, as 16 base64url characters. */
  readonly id: string;
  /** Authenticates refresh tokens, and nothing else. */
  readonly macKey: KeyObject;
  /** Derives anti-CSRF tokens, and nothing else. */
  readonly antiCsrfKey: KeyObject;
}

/** What a refresh token says about its place in its session. */
export interface RefreshTokenLineage {
  readonly sessionHandle: string;
  /** How many rotations lie between the session's first token and this one. */
  readonly generation: number;
  /** SHA-256, in hex, of the token that this one was issued for; `NO_PARENT_HASH` for the first. */
  readonly parentHash: string;
}

/** What an authentic refresh token says, with its own hash: SHA-256 of its text, in hex. */
export interface RefreshTokenClaims extends RefreshTokenLineage {
  readonly keyId: string;
  readonly hash: string;
}

export type RefreshTokenReading =
  | { readonly ok: true; readonly claims: RefreshTokenClaims }
  | { readonly ok: false; readonly reason: 'malformed' | 'unknown-key' | 'bad-mac' };

// For secret scanners: a token that ends in a log or a repository can be told from other text.
const PREFIX = 'nasr_';
const VERSION = 1;
const MAX_GENERATION = 0xffff_ffff;

// version | key id | session handle | generation | nonce | parent hash | MAC: each of fixed length, so that no two
// readings of the same bytes exist and the MAC needs no separators.
const KEY_ID = { start: 1, end: 13 };
const HANDLE = { start: 13, end: 29 };
const GENERATION = { start: 29, end: 33 };
const NONCE = { start: 33, end: 49 };
const PARENT_HASH = { start: 49, end: 81 };
const MAC = { start: 81, end: 113 };
const KEY_ID_PATTERN = /^[\w-]{16}$/;
const HASH_PATTERN = /^[0-9a-f]{64}$/;
const TOKEN_LENGTH = PREFIX.length + Math.ceil((MAC.end * 4) / 3);

/** Whether a text looks like one of our refresh tokens, and not like what else a header may carry. */
export function isRefreshTokenLike(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * Makes a refresh token. Two calls never make the same one (16 random bytes in each).
 *
 * @throws {TypeError} when the handle, the parent's hash or the key's id is not of its form
 * @throws {RangeError} when the generation is no unsigned integer of 32 bits
 */
export function mintRefreshToken(
  lineage: RefreshTokenLineage,
  key: RefreshTokenKey,
): { token: string; hash: string } {
  const { sessionHandle, generation, parentHash } = lineage;
  if (!Number.isInteger(generation) || generation < 0 || generation > MAX_GENERATION) {
    throw new RangeError('A generation is an unsigned integer of 32 bits');
  }
  if (!KEY_ID_PATTERN.test(key.id)) throw new TypeError('A key id is 16 base64url characters');
  if (!HASH_PATTERN.test(parentHash)) throw new TypeError('A hash is 64 lower-case hex digits');
  // Each of its bytes is written below.
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
 * Reads a refresh token that a client presents. Never throws, whatever the value; only an authentic token has claims,
 * so that a forged one can neither name a session nor revoke one.
 *
 * @param findKey gives the key of an id. The id is the client's word until the MAC has been checked: look it up in a
 *   `Map`, not in an object
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
  // Before anything is decoded or copied, so that a text of megabytes costs nothing.
  if (token.length !== TOKEN_LENGTH || !token.startsWith(PREFIX)) return undefined;
  const text = token.slice(PREFIX.length);
  const bytes = Buffer.from(text, 'base64url');
  // Node also reads `+`, `/` and spaces, and ignores the last character's spare bits: one token would have many
  // spellings, each with a hash of its own. Only the spelling that we write is one.
  if (bytes.toString('base64url') !== text) return undefined;
  return bytes.readUInt8(0) === VERSION ? bytes : undefined;
}

function refused(reason: 'malformed' | 'unknown-key' | 'bad-mac'): RefreshTokenReading {
  return { ok: false, reason };
}
