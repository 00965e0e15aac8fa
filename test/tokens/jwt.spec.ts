import { generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import { encodeJwtHeader, signJwt, verifyJwt } from '../../lib/tokens/jwt.js';
import { signRaw, signRawByHmac, withSignature } from '../support/raw-jwt.js';

const keys = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
const header = { kid: 'd-0123456789abcdef', typ: 'at+jwt', version: '5' };
const payload = { sub: 'ada', iat: 1_700_000_000, exp: 1_700_003_600 };

describe.each(['ES256', 'RS256'] as const)('a JWT signed by %s', async (algorithm) => {
  const { privateKey, publicKey } = keys[algorithm];
  const encoded = encodeJwtHeader(header, algorithm);
  const token = await signJwt(payload, encoded, privateKey, algorithm);

  it('is read by another library', async () => {
    const currentDate = new Date(1_700_000_000_000);
    const read = await jwtVerify(token, publicKey, { algorithms: [algorithm], currentDate });
    expect(read.payload).toEqual(payload);
  });

  it('is text for text what jsonwebtoken makes, whose signature by ECDSA differs each time', () => {
    const same = jsonwebtoken.sign(JSON.stringify(payload), privateKey, {
      algorithm,
      header: { alg: algorithm, ...header },
    });
    const compared = (text: string) =>
      algorithm === 'RS256' ? text : text.slice(0, text.lastIndexOf('.'));
    expect(compared(token)).toBe(compared(same));
    expect(token).toHaveLength(same.length);
    expect(jsonwebtoken.verify(token, publicKey, { ignoreExpiration: true })).toEqual(payload);
  });

  it('says its algorithm, key, type and version in the header, and no more', () => {
    expect(decodeProtectedHeader(token)).toEqual({ alg: algorithm, ...header });
  });

  it('may have claims named like methods', async () => {
    const names = [
      'toString',
      'valueOf',
      'hasOwnProperty',
      'isPrototypeOf',
      'toJSON',
      '__defineGetter__',
    ];
    const claims = { ...payload, ...Object.fromEntries(names.map((name) => [name, 'mine'])) };
    const named = await signJwt(claims, encoded, privateKey, algorithm);
    expect(verifyJwt(named, publicKey, algorithm)).toEqual(claims);
  });

  it('has the times of its payload and none of its own', async () => {
    const timeless = await signJwt({ sub: 'ada', iat: 1 }, encoded, privateKey, algorithm);
    expect(verifyJwt(timeless, publicKey, algorithm)).toEqual({ sub: 'ada', iat: 1 });
  });

  it('is verified whether or not it has expired: that is judged at each use', () => {
    expect(verifyJwt(token, publicKey, algorithm)).toEqual(payload);
  });

  it('is refused under the other key', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(verifyJwt(token, other.publicKey, algorithm)).toBeUndefined();
  });

  it('is refused where another algorithm is pinned', () => {
    const other = algorithm === 'ES256' ? 'RS256' : 'ES256';
    expect(verifyJwt(token, publicKey, other)).toBeUndefined();
  });

  it('is refused when the same key signed it under another name of the algorithm', () => {
    const names = ['none', 'HS256', 'ES384', 'PS256', 'RS512', '', undefined, null, 5, ['ES256']];
    for (const alg of names) {
      expect(
        verifyJwt(signRaw({ ...header, alg }, payload, privateKey), publicKey, algorithm),
      ).toBeUndefined();
    }
  });

  it('is refused when it was signed by HMAC with the public key as the secret', () => {
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
      '',
    ];
    for (const secret of secrets) {
      const forged = signRawByHmac({ ...header, alg: 'HS256' }, payload, secret);
      expect(verifyJwt(forged, publicKey, algorithm)).toBeUndefined();
    }
  });

  // Each makes jsonwebtoken throw an error of another class: SyntaxError, TypeError, Error, JsonWebTokenError.
  it.each([
    ['no JSON for a payload and type JWT', { alg: algorithm, typ: 'JWT' }, 'x', 'AAAA'],
    ['a signature of three bytes', { alg: algorithm, typ: 'at+jwt' }, payload, Buffer.from('abc')],
    ['no JSON for a header', 'x', payload, 'AAAA'],
    ['an empty signature', { alg: algorithm }, payload, ''],
    ['a signature of zeros', { alg: algorithm }, payload, Buffer.alloc(64)],
  ])('is refused, and nothing thrown, with %s', (_, badHeader, badPayload, signature) => {
    const forged = withSignature(badHeader, badPayload, signature);
    expect(verifyJwt(forged, publicKey, algorithm)).toBeUndefined();
  });

  it('is refused, and nothing thrown, where its payload is null', () => {
    const empty = signRaw({ ...header, alg: algorithm, typ: 'JWT' }, null, privateKey);
    expect(verifyJwt(empty, publicKey, algorithm)).toBeUndefined();
  });

  it.each(['', '.', '..', 'a', 'a.b', 'a.b.c', 'a.b.c.d', '\u0000', '💥.💥.💥', 'null'])(
    'is refused, and nothing thrown, where it is %j',
    (text) => expect(verifyJwt(text, publicKey, algorithm)).toBeUndefined(),
  );
});

describe('signing', () => {
  it.each([
    ['ES256', true],
    ['RS256', false],
  ] as const)('by %s is over within this turn of the event loop: %s', async (algorithm, isOver) => {
    let isSigned = false;
    const encoded = encodeJwtHeader(header, algorithm);
    const signing = signJwt(payload, encoded, keys[algorithm].privateKey, algorithm).then(() => {
      isSigned = true;
    });
    await new Promise(process.nextTick);
    expect(isSigned).toBe(isOver);
    await signing;
  });
});
