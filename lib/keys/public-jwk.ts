import type { KeyObject } from 'node:crypto';
import type { SigningAlgorithm } from '../tokens/jwt.js';

/** A public key as RFC 7517 writes it. @publicApi */
export interface JsonWebKeyRecord {
  kty: string;
  kid: string;
  alg: SigningAlgorithm;
  use: 'sig';
  crv?: string;
  x?: string;
  y?: string;
  n?: string;
  e?: string;
}

/** Only the public members, one by one: nothing private can slip out with an export. */
export function toJsonWebKey(
  kid: string,
  algorithm: SigningAlgorithm,
  publicKey: KeyObject,
): JsonWebKeyRecord {
  const { kty = '', crv, x, y, n, e } = publicKey.export({ format: 'jwk' });
  const named = { kty, kid, alg: algorithm, use: 'sig' } as const;
  if (crv !== undefined && x !== undefined && y !== undefined) return { ...named, crv, x, y };
  if (n !== undefined && e !== undefined) return { ...named, n, e };
  throw new TypeError(`no public key of ${algorithm}`);
}
