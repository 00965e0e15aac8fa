import {
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  hash,
  randomBytes,
  randomUUID,
  sign,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';

/** A session's row, as little as will do, in the columns of our table. */
export interface LimitRow {
  readonly handle: string;
  readonly userId: string;
  readonly generation: number;
  readonly parentHash: string;
  readonly nowMs: number;
  readonly expiresAtMs: number;
}

/** What a refresh token says of itself. */
export interface Presented {
  readonly handle: string;
  readonly generation: number;
  readonly parentHash: string;
  readonly hash: string;
}

export interface LimitKeys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly algorithm: 'ES256' | 'RS256';
  readonly macKey: KeyObject;
  /** The first part of every access token. */
  readonly header: string;
}

export interface LimitTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

const LIFETIME_MS = 100 * 24 * 60 * 60 * 1000;
const NO_PARENT = '0'.repeat(64);

export function newLimitKeys(algorithm: 'ES256' | 'RS256'): LimitKeys {
  const pair =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const header = base64url({ alg: algorithm, typ: 'at+jwt', kid: 'd-0123456789abcdef' });
  return { ...pair, algorithm, macKey: createSecretKey(randomBytes(32)), header };
}

/** @param handleAtMs when its handle says that it was created; it lives from now on all the same */
export function newLimitSession(userId: string, handleAtMs?: number): LimitRow {
  const nowMs = Date.now();
  const handle = newHandle(handleAtMs ?? nowMs);
  const expiresAtMs = nowMs + LIFETIME_MS;
  return { handle, userId, generation: 0, parentHash: NO_PARENT, nowMs, expiresAtMs };
}

/** The row after a rotation; whose it is, the database says. */
export function successorOf({ handle, generation, hash: parentHash }: Presented): LimitRow {
  const nowMs = Date.now();
  const expiresAtMs = nowMs + LIFETIME_MS;
  return { handle, userId: '', generation: generation + 1, parentHash, nowMs, expiresAtMs };
}

/**
 * The tokens of one answer: a refresh token with a MAC, and a JWT with our claims and the user's own.
 *
 * @param payload the user's own claims: JSON
 */
export function mintTokens(
  row: LimitRow,
  keys: LimitKeys,
  userId = row.userId,
  payload = '{}',
): LimitTokens {
  const body = `${row.handle}.${row.generation}.${randomUUID()}.${row.parentHash}`;
  const refreshToken = `${body}.${mac(body, keys).toString('base64url')}`;
  const seconds = Math.floor(row.nowMs / 1000);
  const claims = {
    ...(payload === '{}' ? undefined : (JSON.parse(payload) as object)),
    sub: userId,
    tId: 'public',
    sessionHandle: row.handle,
    refreshTokenHash1: sha256(refreshToken),
    parentRefreshTokenHash1: row.generation === 0 ? null : row.parentHash,
    antiCsrfToken: null,
    iat: seconds,
    exp: seconds + 3600,
  };
  const signed = `${keys.header}.${base64url(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), {
    key: keys.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return { accessToken: `${signed}.${signature.toString('base64url')}`, refreshToken };
}

/** Checks a refresh token's MAC and reads it. @throws {Error} for a forged one */
export function readToken(token: string, keys: LimitKeys): Presented {
  const dot = token.lastIndexOf('.');
  const body = token.slice(0, dot);
  const presented = Buffer.from(token.slice(dot + 1), 'base64url');
  if (!timingSafeEqual(presented, mac(body, keys))) throw new Error('forged');
  const [handle = '', generation = '', , parentHash = ''] = body.split('.');
  return { handle, generation: Number(generation), parentHash, hash: sha256(token) };
}

// A UUID of version 7, as our handles are: random ones would make every insert slower.
function newHandle(nowMs: number): string {
  const time = nowMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

function mac(body: string, keys: LimitKeys): Buffer {
  return createHmac('sha256', keys.macKey).update(body).digest();
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
