import { generateKeyPairSync } from 'node:crypto';
import { importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { toJsonWebKey } from '../../lib/keys/public-jwk.js';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KID = 'd-0123456789abcdef';

describe('a key in the JWKS', () => {
  it('of ES256 has its point, its use and its name, and no other member', () => {
    const { x, y } = ec.publicKey.export({ format: 'jwk' });
    expect(toJsonWebKey(KID, 'ES256', ec.publicKey)).toEqual({
      kty: 'EC',
      kid: KID,
      alg: 'ES256',
      use: 'sig',
      crv: 'P-256',
      x,
      y,
    });
  });

  it('of RS256 has its modulus and exponent, its use and its name, and no other member', () => {
    const { n } = rsa.publicKey.export({ format: 'jwk' });
    expect(toJsonWebKey(KID, 'RS256', rsa.publicKey)).toEqual({
      kty: 'RSA',
      kid: KID,
      alg: 'RS256',
      use: 'sig',
      n,
      e: 'AQAB',
    });
  });

  it.each([
    ['ES256', ec],
    ['RS256', rsa],
  ] as const)(
    'of %s has no private member, even where it is given the private key',
    (algorithm, pair) => {
      const published = Object.keys(toJsonWebKey(KID, algorithm, pair.privateKey));
      expect(
        published.filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].includes(name)),
      ).toEqual([]);
    },
  );

  it.each([
    ['ES256', ec],
    ['RS256', rsa],
  ] as const)('of %s is read by another library', async (algorithm, pair) => {
    const key = await importJWK({ ...toJsonWebKey(KID, algorithm, pair.publicKey) }, algorithm);
    expect(key).toMatchObject({ type: 'public' });
  });

  it('is refused where it is no key of an algorithm that signs here', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    expect(() => toJsonWebKey(KID, 'ES256', publicKey)).toThrow('not a public key of ES256');
  });
});
