import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { algorithmOf, type SigningAlgorithm } from '../tokens/jwt.js';

const generate = promisify(generateKeyPair);
const KEY_ID_BYTES = 12;
const SECRET_BYTES = 32;

/** A key that signs JWTs. The public half is always derived from the private one, never read from the database. */
export interface SigningKeyMaterial {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/**
 * `d-` for a rotating key, `s-` for a static one (SuperTokens' prefixes), `m-` for the secret behind refresh tokens.
 */
export function newKeyId(prefix: 'd' | 's' | 'm'): string {
  return `${prefix}-${randomBytes(KEY_ID_BYTES).toString('base64url')}`;
}

/**
 * A new private key as PKCS #8 in base64. It is made off the event loop, because an RSA key takes a good part of a
 * second.
 */
export async function newPrivateKey(algorithm: SigningAlgorithm): Promise<string> {
  const { privateKey } =
    algorithm === 'ES256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64');
}

/** @returns `undefined` if it is not a key of that algorithm, or is too weak */
export function readPrivateKey(
  material: string,
  algorithm: SigningAlgorithm,
): SigningKeyMaterial | undefined {
  try {
    const der = Buffer.from(material, 'base64');
    const privateKey = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
    return algorithmOf(privateKey) === algorithm
      ? { privateKey, publicKey: createPublicKey(privateKey) }
      : undefined;
  } catch {
    return undefined;
  }
}

export function readSecret(material: string): Uint8Array | undefined {
  const secret = Buffer.from(material, 'base64');
  return secret.length >= SECRET_BYTES ? secret : undefined;
}
