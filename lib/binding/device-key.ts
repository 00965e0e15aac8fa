import { createPublicKey, type KeyObject } from 'node:crypto';

/** The public key of a device: a point of P-256. It only shows that the device is the same one. */
export interface DeviceKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

const COORDINATE_BYTES = 32;
const COORDINATE = /^[\w-]{43}$/;
// RFC 7517 §4: the members that describe a key's purpose. None of them is private.
const NAMES: ReadonlySet<string> = new Set(['kty', 'crv', 'x', 'y', 'alg', 'use', 'kid']);

/**
 * The key of a JWK; `undefined` if it is not a public key of P-256, has a private part, or is a point off the curve.
 */
export function readDeviceKey(jwk: unknown): DeviceKey | undefined {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return undefined;
  const { kty, crv, x, y, alg = 'ES256', use = 'sig' } = jwk as Record<string, unknown>;
  if (!Object.keys(jwk).every((name) => NAMES.has(name))) return undefined;
  if (kty !== 'EC' || crv !== 'P-256' || alg !== 'ES256' || use !== 'sig') return undefined;
  if (!isCoordinate(x) || !isCoordinate(y)) return undefined;
  const key = { kty, crv, x, y } as const;
  return publicKeyOf(key) === undefined ? undefined : key;
}

/** The form in which a row keeps a key. The same key always gives the same text. */
export function writeDeviceKey({ kty, crv, x, y }: DeviceKey): string {
  return JSON.stringify({ kty, crv, x, y });
}

/** The key of a row; `undefined` if `writeDeviceKey` did not write the text. */
export function storedDeviceKey(text: string): DeviceKey | undefined {
  try {
    return readDeviceKey(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The key that checks signatures; `undefined` for a point off the curve. */
export function publicKeyOf(key: DeviceKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...key }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

// A number has one spelling: 32 bytes, and no spare bits in the last character.
function isCoordinate(value: unknown): value is string {
  if (typeof value !== 'string' || !COORDINATE.test(value)) return false;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.length === COORDINATE_BYTES && bytes.toString('base64url') === value;
}
