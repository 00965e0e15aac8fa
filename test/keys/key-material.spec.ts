import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  newKeyId,
  newPrivateKey,
  newSecret,
  readPrivateKey,
  readSecret,
} from '../../lib/keys/key-material.js';

function stored(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'der' }).toString('base64');
}

describe('a key id', () => {
  it.each(['d', 's', 'm'] as const)(
    'says by %s- what the key is for, and is random after it',
    (prefix) => {
      expect(newKeyId(prefix)).toMatch(new RegExp(`^${prefix}-[A-Za-z0-9_-]{16}$`));
      expect(newKeyId(prefix)).not.toBe(newKeyId(prefix));
    },
  );
});

describe('a private key', () => {
  it.each([
    ['ES256', 'ec', { namedCurve: 'prime256v1' }],
    ['RS256', 'rsa', { modulusLength: 2048 }],
  ] as const)(
    'for %s is made and read back with its public half',
    async (algorithm, type, details) => {
      const material = await newPrivateKey(algorithm);
      const pair = readPrivateKey(material, algorithm);
      expect(pair?.privateKey.asymmetricKeyType).toBe(type);
      expect(pair?.privateKey.asymmetricKeyDetails).toMatchObject(details);
      expect(pair?.publicKey.type).toBe('public');
      expect(readPrivateKey(material, algorithm === 'ES256' ? 'RS256' : 'ES256')).toBeUndefined();
    },
  );

  it.each([
    ['RSA of 1024 bits', 'RS256', generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
    ['RSA-PSS', 'RS256', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey],
    [
      'the curve secp256k1',
      'ES256',
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
    ],
    ['the curve P-384', 'ES256', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['Ed25519', 'ES256', generateKeyPairSync('ed25519').privateKey],
  ] as const)('G5: is refused where it is %s', (_, algorithm, key) => {
    expect(readPrivateKey(stored(key), algorithm)).toBeUndefined();
  });

  it('is refused where it is a public one', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const text = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    expect(readPrivateKey(text, 'ES256')).toBeUndefined();
  });

  it.each([
    '',
    'AAAA',
    'no key',
    '-----BEGIN PRIVATE KEY-----',
    randomBytes(138).toString('base64'),
  ])('is refused, and nothing thrown, where it is none: %s', (text) => {
    expect(readPrivateKey(text, 'ES256')).toBeUndefined();
    expect(readPrivateKey(text, 'RS256')).toBeUndefined();
  });

  it('is refused cut off at any length', () => {
    const text = stored(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    const bytes = Buffer.from(text, 'base64');
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length).toString('base64');
      expect(readPrivateKey(cut, 'ES256')).toBeUndefined();
    }
    expect(createPrivateKey({ key: bytes, type: 'pkcs8', format: 'der' }).type).toBe('private');
  });
});

describe('the secret under refresh tokens', () => {
  it('is 32 random bytes', () => {
    expect(readSecret(newSecret())).toHaveLength(32);
    expect(newSecret()).not.toBe(newSecret());
  });

  it.each([0, 1, 16, 31])('is refused with %i bytes', (length) => {
    expect(readSecret(randomBytes(length).toString('base64'))).toBeUndefined();
  });
});
