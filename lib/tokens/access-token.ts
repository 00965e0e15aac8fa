import type { KeyObject } from 'node:crypto';
import { encodeJwtHeader, signJwt, verifyJwt, type SigningAlgorithm } from './jwt.js';
import { isSessionHandle } from './session-handle.js';

/** The key that signs access tokens. */
export interface AccessTokenSigningKey {
  kid: string;
  algorithm: SigningAlgorithm;
  privateKey: KeyObject;
}

/** A key that verifies access tokens. */
export interface AccessTokenVerificationKey {
  kid: string;
  algorithm: SigningAlgorithm;
  publicKey: KeyObject;
}

/** The person who acts as the token's user (RFC 8693 §4.1), and their own session. */
export interface ActorClaim {
  readonly sub: string;
  readonly sid: string;
  readonly tId: string;
}

/** The claims of every access token. The user's own claims stand beside them at the top level. Times in seconds. */
export interface AccessTokenClaims {
  sub: string;
  tId: string;
  sessionHandle: string;
  refreshTokenHash1: string;
  parentRefreshTokenHash1: string | null;
  antiCsrfToken: string | null;
  iat: number;
  exp: number;
  nbf?: number;
  iss?: string;
  aud?: string;
  auth_time?: number;
  act?: ActorClaim;
  /** Present if the session is bound to a key of the device (RFC 7800). */
  cnf?: { readonly kid: string };
  [claim: string]: unknown;
}

/** The claims that are the same in every token of this deployment, and that are checked in each one. */
export interface AccessTokenAudience {
  issuer: string | undefined;
  audience: string | undefined;
}

/**
 * The token of a bound session only says that a key exists. The key itself is in the session's row, and neither the key
 * nor a hash of it leaves the server.
 */
export const BOUND_TO_DEVICE = Object.freeze({ kid: 'device' });

/** Whether a token belongs to a session that is bound to a device. */
export function isBoundToDevice({ cnf }: Readonly<AccessTokenClaims>): boolean {
  return cnf !== undefined;
}

// RFC 9068 §2.1. `createJWT` never makes this type, so none of its tokens can pass for an access token (RFC 8725
// §3.11).
const ACCESS_TOKEN_TYPE = 'at+jwt';
// SuperTokens' access token version.
const ACCESS_TOKEN_VERSION = '5';
/** In characters. Longer texts are not read as access tokens. */
export const MAX_TOKEN_LENGTH = 8192;
const HEADER_NAMES: ReadonlySet<string> = new Set(['alg', 'typ', 'kid', 'version']);
const KID_PATTERN = /^d-[A-Za-z0-9_-]{16}$/;
export const MAX_CLOCK_SKEW_MS = 60_000;
// The last characters of base64url, by the length modulo 4: any, none, and those whose last four or two bits are zero.
const LAST_CHARACTERS = [undefined, '', 'AQgw', 'AEIMQUYcgkosw048'];

// The headers of tokens with a valid signature, so only our own keys add one. Decoding them takes 2 µs of the 10 that a
// new token costs apart from its signature.
const authenticHeaders: { readonly start: string; readonly kid: string }[] = [];
const MAX_HEADERS = 8;

// Once per key, not per token, which would take 3 µs.
const headers = new WeakMap<AccessTokenSigningKey, string>();

export function signAccessToken(
  claims: AccessTokenClaims,
  key: AccessTokenSigningKey,
): Promise<string> {
  return signJwt(claims, headerFor(key), key.privateKey, key.algorithm);
}

function headerFor(key: AccessTokenSigningKey): string {
  const made = headers.get(key);
  if (made !== undefined) return made;
  const { kid, algorithm } = key;
  const header = { kid, typ: ACCESS_TOKEN_TYPE, version: ACCESS_TOKEN_VERSION };
  const encoded = encodeJwtHeader(header, algorithm);
  headers.set(key, encoded);
  return encoded;
}

/** Whether a text has the form of one of our access tokens. Nothing is verified. */
export function isAccessTokenLike(text: string): boolean {
  return accessTokenKid(text) !== undefined && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/**
 * The key id in the header of a text that begins like one of our access tokens; `undefined` for anything else. Nothing
 * is verified, and jsonwebtoken looks at the rest: to do so twice would take 1 of those 10 µs. Unknown header names are
 * refused, above all `crit`, `jwk`, `jku` and `x5u` (RFC 7515 §4.1.11, RFC 8725 §3.10), because jsonwebtoken would
 * ignore them.
 */
export function accessTokenKid(token: unknown): string | undefined {
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return undefined;
  const known = authenticHeaders.find(({ start }) => token.startsWith(start));
  return known === undefined ? kidIn(headerOf(token)) : known.kid;
}

function headerOf(token: string): string {
  return token.slice(0, Math.max(token.indexOf('.'), 0));
}

function kidIn(encoded: string): string | undefined {
  const header = parseHeader(encoded);
  if (header?.['typ'] !== ACCESS_TOKEN_TYPE || header['version'] !== ACCESS_TOKEN_VERSION) {
    return undefined;
  }
  const kid = header['kid'];
  return isAccessTokenKid(kid) ? kid : undefined;
}

/** Whether a text may be the id of a key that signs access tokens. */
export function isAccessTokenKid(kid: unknown): kid is string {
  return typeof kid === 'string' && KID_PATTERN.test(kid);
}

/** Why an access token is refused. A client only learns "try refresh token". */
export type AccessTokenRefusal = 'signature' | 'claims' | 'audience' | 'not-yet-valid';

export type AccessTokenReading =
  { ok: true; claims: AccessTokenClaims } | { ok: false; reason: AccessTokenRefusal };

/**
 * Verifies the signature, form and audience of an access token. The caller checks its expiry at each use, so that a
 * remembered token is checked again too (ASVS 9.2.1).
 */
export function readAccessToken(
  token: string,
  key: AccessTokenVerificationKey,
  expected: AccessTokenAudience,
  nowMs: number,
): AccessTokenReading {
  if (!hasCanonicalSignature(token)) return { ok: false, reason: 'signature' };
  const payload = verifyJwt(token, key.publicKey, key.algorithm);
  if (payload === undefined) return { ok: false, reason: 'signature' };
  if (!isAccessTokenClaims(payload)) return { ok: false, reason: 'claims' };
  if (expected.issuer !== undefined && payload.iss !== expected.issuer) {
    return { ok: false, reason: 'audience' };
  }
  // Even without an audience of our own, a token for another audience is refused (RFC 7519 §4.1.3).
  if (payload.aud !== expected.audience) return { ok: false, reason: 'audience' };
  const beginsAtSeconds = Math.max(payload.iat, payload.nbf ?? 0);
  if (beginsAtSeconds * 1000 > nowMs + MAX_CLOCK_SKEW_MS) {
    return { ok: false, reason: 'not-yet-valid' };
  }
  keepHeader(token);
  return { ok: true, claims: payload };
}

function keepHeader(token: string): void {
  if (authenticHeaders.some(({ start }) => token.startsWith(start))) return;
  const header = headerOf(token);
  const kid = kidIn(header);
  if (kid === undefined) return;
  if (authenticHeaders.length >= MAX_HEADERS) authenticHeaders.shift();
  authenticHeaders.push({ start: `${header}.`, kid });
}

function parseHeader(encoded: string): Record<string, unknown> | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    if (typeof header !== 'object' || header === null || Array.isArray(header)) return undefined;
    return Object.keys(header).every((name) => HEADER_NAMES.has(name))
      ? (header as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

// Each token has one spelling: decoders ignore some bits of base64url's last character, and a character that stands
// alone after the last four (RFC 4648 §3.5). jsonwebtoken checks the alphabet, and refuses a third dot.
function hasCanonicalSignature(token: string): boolean {
  // `lastIndexOf` takes three times as long.
  const start = token.indexOf('.', token.indexOf('.') + 1) + 1;
  const allowed = LAST_CHARACTERS[(token.length - start) % 4];
  return allowed === undefined || allowed.includes(token.charAt(token.length - 1));
}

function isAccessTokenClaims(payload: unknown): payload is AccessTokenClaims {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false;
  const claims = payload as Record<string, unknown>;
  return (
    isFilledString(claims['sub']) &&
    isFilledString(claims['tId']) &&
    isSessionHandle(claims['sessionHandle']) &&
    isFilledString(claims['refreshTokenHash1']) &&
    isStringOrNull(claims['parentRefreshTokenHash1']) &&
    isStringOrNull(claims['antiCsrfToken']) &&
    isSeconds(claims['iat']) &&
    isSeconds(claims['exp']) &&
    claims['exp'] > claims['iat'] &&
    (claims['nbf'] === undefined || isSeconds(claims['nbf'])) &&
    (claims['iss'] === undefined || isFilledString(claims['iss'])) &&
    (claims['aud'] === undefined || isFilledString(claims['aud'])) &&
    (claims['auth_time'] === undefined || isSeconds(claims['auth_time'])) &&
    (claims['act'] === undefined || isActor(claims['act'])) &&
    (claims['cnf'] === undefined || isConfirmation(claims['cnf']))
  );
}

function isConfirmation(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kid' in value &&
    value.kid === BOUND_TO_DEVICE.kid
  );
}

function isActor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { sub, sid, tId } = value as Record<string, unknown>;
  return isFilledString(sub) && isSessionHandle(sid) && isFilledString(tId);
}

function isFilledString(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isStringOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
