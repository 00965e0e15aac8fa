import { sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import jsonwebtoken from 'jsonwebtoken';

/** How access tokens are signed (RFC 7518 §3.1). @publicApi */
export type SigningAlgorithm = 'ES256' | 'RS256';

// ASVS 11.6.1.
const LEAST_RSA_BITS = 2048;

/** The algorithm of a key; `undefined` if it is of another type, or too weak. */
export function algorithmOf(key: KeyObject): SigningAlgorithm | undefined {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256';
  return key.asymmetricKeyType === 'rsa' && modulusLength >= LEAST_RSA_BITS ? 'RS256' : undefined;
}

export interface JwtHeader {
  kid: string;
  typ: string;
  version?: string;
}

const signOnAnotherThread = promisify(sign);

/** The first part of a JWT, the same for all tokens of a key. */
export function encodeJwtHeader(header: JwtHeader, algorithm: SigningAlgorithm): string {
  const { typ, ...rest } = header;
  return base64url({ alg: algorithm, typ, ...rest });
}

/**
 * Signs a payload that already holds its times: the caller sets `iat` and `exp` by the injected clock. The result is
 * the compact serialization (RFC 7515 §7.1), equal to the output of jsonwebtoken. That library costs a third more. It
 * can only sign on this thread, which RS256 blocks for a millisecond.
 *
 * @param header the result of `encodeJwtHeader`
 */
export async function signJwt(
  payload: Readonly<Record<string, unknown>>,
  header: string,
  key: KeyObject,
  algorithm: SigningAlgorithm,
): Promise<string> {
  const signed = `${header}.${base64url(payload)}`;
  const bytes = Buffer.from(signed);
  const signature =
    algorithm === 'ES256'
      ? sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
      : await signOnAnotherThread('sha256', bytes, key);
  return `${signed}.${signature.toString('base64url')}`;
}

/**
 * Checks a signature by one algorithm, which our own key fixes and the token never chooses (RFC 8725 §3.1). The caller
 * checks the times, because jsonwebtoken accepts a token without `exp`. Every failure gives `undefined`, whatever the
 * library throws.
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

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
