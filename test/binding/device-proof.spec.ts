import fc from 'fast-check';
import { generateKeyPairSync, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isSignedBy, readDeviceProof } from '../../lib/binding/device-proof.js';
import { readDeviceKey, storedDeviceKey, writeDeviceKey } from '../../lib/binding/device-key.js';
import { jwtOf, newDevicePair, refreshProof, registrationProof } from '../support/device-key.js';

const pair = newDevicePair();
const HEADER = { alg: 'ES256', typ: 'dbsc+jwt', jwk: pair.jwk };
const PAYLOAD = { jti: 'a-challenge' };

function read(header: object | string, payload: object | string = PAYLOAD) {
  return readDeviceProof(jwtOf(header, payload, pair.privateKey));
}

describe('the proof of a registration', () => {
  it('brings the key that has signed it', () => {
    const proof = readDeviceProof(registrationProof('a-challenge', pair));
    expect(proof).toMatchObject({ challenge: 'a-challenge', key: pair.jwk });
    expect(proof && isSignedBy(proof, proof.key ?? (pair.jwk as never))).toBe(true);
  });

  it('may stand between quotation marks, as the draft has it', () => {
    expect(readDeviceProof(`"${registrationProof('a-challenge', pair)}"`)).toBeDefined();
  });

  it('may say for whom it is, which some browsers do', () => {
    expect(
      read(HEADER, { ...PAYLOAD, aud: 'https://app.example.com/auth/session/bind' }),
    ).toBeDefined();
  });

  it('is not signed by the key of another device', () => {
    const foreign = registrationProof('a-challenge', pair, { jwk: newDevicePair().jwk });
    const proof = readDeviceProof(foreign);
    expect(proof?.key && isSignedBy(proof, proof.key)).toBe(false);
  });

  it('does not hold once a part of it was changed', () => {
    const [header = '', payload = '', signature = ''] = registrationProof('a', pair).split('.');
    const other = Buffer.from(JSON.stringify({ jti: 'b' })).toString('base64url');
    const proof = readDeviceProof([header, other, signature].join('.'));
    expect(payload).not.toBe(other);
    expect(proof?.key && isSignedBy(proof, proof.key)).toBe(false);
  });
});

describe('the proof of a refresh', () => {
  it('brings no key', () => {
    const proof = readDeviceProof(refreshProof('a-challenge', pair));
    expect(proof).toMatchObject({ challenge: 'a-challenge', key: undefined });
    expect(proof && isSignedBy(proof, pair.jwk as never)).toBe(true);
  });
});

describe('a proof is none', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
    format: 'jwk',
  });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({
    format: 'jwk',
  });
  const { x = '', y = '' } = pair.jwk;
  const privatePart = pair.privateKey.export({ format: 'jwk' }) as { d: string };

  it.each<[string, object | string]>([
    ['without an algorithm', { ...HEADER, alg: 'none' }],
    ['of RS256', { ...HEADER, alg: 'RS256', jwk: rsa }],
    ['of HS256', { ...HEADER, alg: 'HS256' }],
    ['of ES384', { ...HEADER, alg: 'ES384', jwk: p384 }],
    ['of an algorithm in other letters', { ...HEADER, alg: 'es256' }],
    ['of another type', { ...HEADER, typ: 'jwt' }],
    ['of the type in other letters', { ...HEADER, typ: 'DBSC+JWT' }],
    ['of no type', { alg: 'ES256', jwk: pair.jwk }],
    ['with a header that has to be understood', { ...HEADER, crit: ['exp'] }],
    ['with the address of a key', { ...HEADER, jku: 'https://evil.example/key' }],
    ['with the name of a key', { ...HEADER, kid: '../../dev/null' }],
    ['with a private key', { ...HEADER, jwk: { ...pair.jwk, d: privatePart.d } }],
    ['with a key of RSA', { ...HEADER, jwk: rsa }],
    ['with a key of another curve', { ...HEADER, jwk: p384 }],
    ['with a secret for a key', { ...HEADER, jwk: { kty: 'oct', k: x } }],
    ['with a key off the curve', { ...HEADER, jwk: { ...pair.jwk, x: y, y: x } }],
    ['with half a key', { ...HEADER, jwk: { kty: 'EC', crv: 'P-256', x } }],
    ['with an empty key', { ...HEADER, jwk: {} }],
    ['with null for a key', { ...HEADER, jwk: null }],
    ['with a list for a key', { ...HEADER, jwk: [pair.jwk] }],
    ['with a key for encryption', { ...HEADER, jwk: { ...pair.jwk, use: 'enc' } }],
    ['with a header that is no object', '[]'],
    ['with a header that is no JSON', '{"alg":'],
    ['with two algorithms', `{"alg":"none",${JSON.stringify(HEADER).slice(1)}`],
    ['with two keys', `{"jwk":{},${JSON.stringify(HEADER).slice(1)}`],
    ['with a name spelled in two ways', `{"\\u0061lg":"ES256",${JSON.stringify(HEADER).slice(1)}`],
  ])('%s', (_, header) => {
    expect(read(header)).toBeUndefined();
  });

  it.each<[string, object | string]>([
    ['no challenge', {}],
    ['an empty challenge', { jti: '' }],
    ['a number for a challenge', { jti: 1 }],
    ['null for a challenge', { jti: null }],
    ['a challenge of endless length', { jti: 'x'.repeat(257) }],
    ['an authorization, as none was given', { ...PAYLOAD, authorization: 'x' }],
    ['two challenges', '{"jti":"a","jti":"b"}'],
    ['a list', '["jti"]'],
    ['no JSON', 'jti=a'],
  ])('with %s', (_, payload) => {
    expect(read(HEADER, payload)).toBeUndefined();
  });

  it.each<[string, (proof: string) => string]>([
    ['of two parts', (proof) => proof.slice(0, proof.lastIndexOf('.'))],
    ['of four parts', (proof) => `${proof}.e30`],
    ['without its signature', (proof) => proof.slice(0, proof.lastIndexOf('.') + 1)],
    ['with a signature in DER', (proof) => `${proof}AAAA`],
    ['that is too long', (proof) => `${proof}${'A'.repeat(2_048)}`],
    ['with a second quotation mark', (proof) => `""${proof}""`],
    ['with padding', (proof) => `${proof}==`],
    ['with spaces', (proof) => ` ${proof}`],
    ['of nothing', () => ''],
  ])('%s', (_, change) => {
    expect(readDeviceProof(change(registrationProof('a', pair)))).toBeUndefined();
  });

  it('signed by a secret, with the public key for it', () => {
    const signed = [{ ...HEADER, alg: 'HS256' }, PAYLOAD]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const mac = createHmac('sha512', JSON.stringify(pair.jwk)).update(signed).digest('base64url');
    expect(readDeviceProof(`${signed}.${mac}`)).toBeUndefined();
  });

  it('for whatever text it is, and nothing is thrown', () => {
    const { privateKey } = pair;
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        expect(readDeviceProof(text)).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.json(), fc.json(), (header, payload) => {
        expect(readDeviceProof(jwtOf(header, payload, privateKey))).toBeUndefined();
      }),
    );
  });

  it('once one of its characters was changed: its form, its challenge or its signature is another', () => {
    const good = registrationProof('a-challenge', pair);
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.constantFrom('A', 'a', '0', '-', '_', '.'),
        (at, other) => {
          fc.pre(good[at] !== other);
          const proof = readDeviceProof(good.slice(0, at) + other + good.slice(at + 1));
          expect(proof?.key !== undefined && isSignedBy(proof, proof.key)).toBe(false);
        },
      ),
    );
  });
});

describe('a key in a row', () => {
  it('is the one that was registered, whatever order its members came in', () => {
    const { x = '', y = '' } = pair.jwk;
    const key = readDeviceKey({ y, x, crv: 'P-256', kty: 'EC', kid: '1' });
    expect(key && writeDeviceKey(key)).toBe(JSON.stringify({ kty: 'EC', crv: 'P-256', x, y }));
    expect(key && storedDeviceKey(writeDeviceKey(key))).toEqual(key);
  });

  it.each(['', '{}', 'null', '{"kty":"EC"}'])('is none where the row holds %j', (text) => {
    expect(storedDeviceKey(text)).toBeUndefined();
  });
});
