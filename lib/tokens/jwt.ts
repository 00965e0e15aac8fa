import type { KeyObject } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';

/** How access tokens are signed (RFC 7518 §3.1). */
export type SigningAlgorithm = 'ES256' | 'RS256';

export interface JwtHeader {
  kid: string;
  typ: string;
  version?: string;
}

/** Signs a payload that already holds its times; `iat` and `exp` are the caller's, by the injected clock. */
export function signJwt(
  payload: Readonly<Record<string, unknown>>,
  header: JwtHeader,
  key: KeyObject,
  algorithm: SigningAlgorithm,
): string {
  // As text: jsonwebtoken looks an object's names up in a table that has a prototype, and fails for one such as `toString`.
  return jsonwebtoken.sign(JSON.stringify(payload), key, {
    algorithm,
    header: { alg: algorithm, ...header },
  });
}

/**
 * Checks a signature by one algorithm, fixed by our own key and never taken from the token (RFC 8725 §3.1). Times are
 * left to the caller: jsonwebtoken lets a token without `exp` pass.
 * Every failure, whatever the library throws for it, is `undefined`.
 */
export function verifyJwt(
  token: string,
  publicKey: KeyObject,
  algorithm: SigningAlgorithm,
): unknown {
  try {
    return jsonwebtoken.verify(token, publicKey, {
      algorithms: [algorithm],
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
  } catch {
    return undefined;
  }
}
