import type { KeyObject } from 'node:crypto';
import type { SigningAlgorithm } from '../tokens/jwt.js';

/** A public key in the form of RFC 7517. @publicApi */
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

/** Copies the public members one by one, so that nothing private can slip out with an export. */
export function toJsonWebKey(
  kid: string,
  algorithm: SigningAlgorithm,
  publicKey: KeyObject,
): JsonWebKeyRecord {
  const { kty = '', crv, x, y, n, e } = publicKey.export({ format: 'jwk' });
  const named = { kty, kid, alg: algorithm, use: 'sig' } as const;
  if (crv !== undefined && x !== undefined && y !== undefined) return { ...named, crv, x, y };
  if (n !== undefined && e !== undefined) return { ...named, n, e };
  throw new TypeError(`not a public key of ${algorithm}`);
}
