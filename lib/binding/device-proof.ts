import { verify } from 'node:crypto';
import { publicKeyOf, readDeviceKey, type DeviceKey } from './device-key.js';
import { readHeaderText } from './header-text.js';
import { readUniqueObject } from './unique-names.js';

/** A proof as it was sent: its form is right, but its signature is not checked yet. */
export interface DeviceProof {
  /** The challenge that the proof answers. */
  readonly challenge: string;
  /** The key in the proof, which only a registration has. */
  readonly key: DeviceKey | undefined;
  /** The signed text. */
  readonly signed: string;
  readonly signature: Buffer;
}

// Chromium's proof has some 400 characters. A claim `aud` makes it longer.
const MAX_LENGTH = 2_048;
const MAX_CHALLENGE_LENGTH = 256;
const SIGNATURE_BYTES = 64;
const TYPE = 'dbsc+jwt';
const HEADER_NAMES: ReadonlySet<string> = new Set(['alg', 'typ', 'jwk']);

/**
 * Reads the value of `Secure-Session-Response`, bare or in quotation marks. It is an ES256 JWT with the type
 * `dbsc+jwt`. Nothing in it decides how it is verified (RFC 8725 §3.1). Never throws.
 *
 * @returns `undefined` if the value has another form
 */
export function readDeviceProof(value: string): DeviceProof | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  const [encodedHeader, encodedPayload, encodedSignature, ...more] =
    readHeaderText(value)?.split('.') ?? [];
  if (encodedSignature === undefined || more.length > 0) return undefined;
  const header = readPart(encodedHeader);
  const payload = readPart(encodedPayload);
  const signature = bytesOf(encodedSignature);
  if (header === undefined || payload === undefined) return undefined;
  if (signature?.length !== SIGNATURE_BYTES) return undefined;
  if (header['alg'] !== 'ES256' || header['typ'] !== TYPE) return undefined;
  // Including `crit` and `jku`: unknown headers must not be ignored (RFC 7515 §4.1.11).
  if (!Object.keys(header).every((name) => HEADER_NAMES.has(name))) return undefined;
  const key = header['jwk'] === undefined ? undefined : readDeviceKey(header['jwk']);
  if (header['jwk'] !== undefined && key === undefined) return undefined;
  const challenge = payload['jti'];
  if (typeof challenge !== 'string' || challenge === '') return undefined;
  // Only a client that was given an `authorization` sends one back, and we give none.
  if (challenge.length > MAX_CHALLENGE_LENGTH || 'authorization' in payload) return undefined;
  return { challenge, key, signed: `${encodedHeader}.${encodedPayload}`, signature };
}

/** Whether a key signed a proof. */
export function isSignedBy(proof: DeviceProof, key: DeviceKey): boolean {
  const publicKey = publicKeyOf(key);
  if (publicKey === undefined) return false;
  const { signed, signature } = proof;
  const by = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  return verify('sha256', Buffer.from(signed), by, signature);
}

function readPart(encoded = ''): Record<string, unknown> | undefined {
  const bytes = bytesOf(encoded);
  return bytes === undefined ? undefined : readUniqueObject(bytes.toString('utf8'));
}

// Node also reads other alphabets and ignores spare bits, so one proof would have many spellings.
function bytesOf(encoded: string): Buffer | undefined {
  const bytes = Buffer.from(encoded, 'base64url');
  return encoded !== '' && bytes.toString('base64url') === encoded ? bytes : undefined;
}
