import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** A key that a browser holds for a session, and what it signs with it. */
export interface DevicePair {
  readonly privateKey: KeyObject;
  readonly jwk: Record<string, string>;
}

export function newDevicePair(): DevicePair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, jwk: publicKey.export({ format: 'jwk' }) as Record<string, string> };
}

/** A JWT of these parts; an object is written as JSON, a text as it is. */
export function jwtOf(header: object | string, payload: object | string, key: KeyObject): string {
  const encoded = [header, payload]
    .map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))
    .map((text) => Buffer.from(text).toString('base64url'))
    .join('.');
  const by = { key, dsaEncoding: 'ieee-p1363' } as const;
  return `${encoded}.${sign('sha256', Buffer.from(encoded), by).toString('base64url')}`;
}

/** The proof of a registration, as Chromium sends it; `changes` are made to its header. */
export function registrationProof(challenge: string, pair: DevicePair, changes = {}): string {
  const header = { alg: 'ES256', typ: 'dbsc+jwt', jwk: pair.jwk, ...changes };
  return jwtOf(header, { jti: challenge }, pair.privateKey);
}

/** The proof of a refresh. */
export function refreshProof(
  challenge: string,
  { privateKey }: Pick<DevicePair, 'privateKey'>,
): string {
  return jwtOf({ alg: 'ES256', typ: 'dbsc+jwt' }, { jti: challenge }, privateKey);
}
