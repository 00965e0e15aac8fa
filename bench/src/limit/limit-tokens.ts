import { createHash, createHmac, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';

/** A session's row, as little as will do, in the columns of our table. */
export interface LimitRow {
  handle: string;
  userId: string;
  generation: number;
  parentHash: string;
  nowMs: number;
  expiresAtMs: number;
}

export interface LimitKeys {
  readonly privateKey: KeyObject;
  readonly algorithm: 'ES256' | 'RS256';
  readonly macKey: Buffer;
}

export interface LimitTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly refreshTokenHash: string;
  readonly frontToken: string;
}

export const LIFETIME_MS = 100 * 24 * 60 * 60 * 1000;
export const NO_PARENT = '0'.repeat(64);

/** A UUID of version 7, as our handles are: random ones would make every insert slower. */
export function newHandle(nowMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The tokens of one answer: a refresh token with a MAC, a signed JWT, and what the browser may read. */
export function mintTokens(row: LimitRow, keys: LimitKeys): LimitTokens {
  const body = `${row.handle}.${row.generation}.${randomBytes(16).toString('base64url')}.${row.parentHash}`;
  const refreshToken = `${body}.${mac(body, keys)}`;
  const refreshTokenHash = sha256(refreshToken);
  const seconds = Math.floor(row.nowMs / 1000);
  const claims = {
    sub: row.userId,
    tId: 'public',
    sessionHandle: row.handle,
    refreshTokenHash1: refreshTokenHash,
    parentRefreshTokenHash1: row.generation === 0 ? null : row.parentHash,
    antiCsrfToken: null,
    iat: seconds,
    exp: seconds + 3600,
  };
  const accessToken = jsonwebtoken.sign(claims, keys.privateKey, {
    algorithm: keys.algorithm,
    keyid: 'd-0123456789abcdef',
  });
  const front = { uid: claims.sub, ate: claims.exp * 1000, up: claims };
  const frontToken = Buffer.from(JSON.stringify(front)).toString('base64');
  return { accessToken, refreshToken, refreshTokenHash, frontToken };
}

/** Checks a refresh token's MAC and reads it. @throws {Error} for a forged one */
export function readToken(token: string, keys: LimitKeys) {
  const dot = token.lastIndexOf('.');
  const body = token.slice(0, dot);
  const presented = Buffer.from(token.slice(dot + 1));
  if (!timingSafeEqual(presented, Buffer.from(mac(body, keys)))) throw new Error('forged');
  const [handle = '', generation = '', , parentHash = ''] = body.split('.');
  return { handle, generation: Number(generation), parentHash, hash: sha256(token) };
}

function mac(body: string, keys: LimitKeys): string {
  return createHmac('sha256', keys.macKey).update(body).digest('base64url');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
