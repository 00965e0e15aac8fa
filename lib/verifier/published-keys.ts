import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { isAccessTokenKid, type AccessTokenVerificationKey } from '../tokens/access-token.js';
import { algorithmOf } from '../tokens/jwt.js';

/** A key of a JWKS that may sign access tokens, not parsed yet. */
export interface PublishedKey {
  readonly kid: string;
  /** The same key always has the same text. */
  readonly text: string;
  readonly jwk: JsonWebKey;
}

// RFC 7518 §6.2.2, §6.3.2 and §6.4.
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** The keys of a JWKS for access tokens, and the flaws of the JWKS. */
export interface PublishedKeys {
  readonly keys: ReadonlyMap<string, PublishedKey>;
  readonly problems: readonly string[];
}

/** @returns `undefined` if it is not a JWKS */
export function readJwks(json: unknown): PublishedKeys | undefined {
  const list = (json as { keys?: unknown } | null | undefined)?.keys;
  if (!Array.isArray(list)) return undefined;
  const keys = new Map<string, PublishedKey>();
  const doubled = new Set<string>();
  const exposed = new Set<string>();
  for (const each of list as unknown[]) {
    if (typeof each !== 'object' || each === null) continue;
    const jwk = each as Record<string, unknown>;
    const { kid, use = 'sig' } = jwk;
    // The other keys sign `createJWT`'s tokens.
    if (!isAccessTokenKid(kid) || use !== 'sig') continue;
    // Anyone who reads the list can sign with it.
    if (PRIVATE_MEMBERS.some((name) => name in jwk)) exposed.add(kid);
    const { kty, crv, x, y, n, e, alg } = jwk;
    const text = JSON.stringify({ kty, crv, x, y, n, e, alg });
    const known = keys.get(kid);
    if (known !== undefined && known.text !== text) doubled.add(kid);
    keys.set(kid, { kid, text, jwk });
  }
  for (const kid of [...doubled, ...exposed]) keys.delete(kid);
  return {
    keys,
    problems: [
      ...[...doubled].map((kid) => `two keys have the id ${kid}`),
      ...[...exposed].map((kid) => `the private part of the key ${kid} is published`),
    ],
  };
}

/** Makes a key ready for use, with the algorithm of its type. @returns `undefined` if it is not one of ours */
export function openPublishedKey({
  kid,
  jwk,
}: PublishedKey): AccessTokenVerificationKey | undefined {
  try {
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    const algorithm = algorithmOf(publicKey);
    const named = (jwk as { alg?: unknown }).alg ?? algorithm;
    return algorithm !== undefined && named === algorithm
      ? { kid, algorithm, publicKey }
      : undefined;
  } catch {
    return undefined;
  }
}
