import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  accessTokenKid,
  readAccessToken,
  signAccessToken,
  type AccessTokenAudience,
  type AccessTokenClaims,
  type AccessTokenSigningKey,
  type AccessTokenVerificationKey,
} from '../../lib/tokens/access-token.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { encodePart, signRaw, signRawByHmac, withSignature } from '../support/raw-jwt.js';

const NOW_MS = 1_700_000_000_000;
const NOW = NOW_MS / 1000;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ecKey = { kid: 'd-ecececececececec', algorithm: 'ES256' as const, ...ec };
const rsaKey = { kid: 'd-rsarsarsarsarsa_', algorithm: 'RS256' as const, ...rsa };
const keys = new Map<string, AccessTokenSigningKey & AccessTokenVerificationKey>([
  [ecKey.kid, ecKey],
  [rsaKey.kid, rsaKey],
]);

const claims: AccessTokenClaims = {
  sub: 'ada',
  tId: 'public',
  sessionHandle: newSessionHandle(NOW_MS),
  refreshTokenHash1: 'a'.repeat(64),
  parentRefreshTokenHash1: null,
  antiCsrfToken: null,
  iat: NOW,
  exp: NOW + 3600,
  auth_time: NOW,
  plan: 'pro',
};
const header = { alg: 'ES256', kid: ecKey.kid, typ: 'at+jwt', version: '5' };
const NOBODY: AccessTokenAudience = { issuer: undefined, audience: undefined };

/** What a verifier makes of a token: its header picks a key of ours, then everything else is judged. */
function judge(token: unknown, expected = NOBODY, nowMs = NOW_MS): string {
  const key = keys.get(accessTokenKid(token) ?? '');
  if (key === undefined || typeof token !== 'string') return 'no key';
  const reading = readAccessToken(token, key, expected, nowMs);
  return reading.ok ? 'accepted' : reading.reason;
}

describe.each([ecKey, rsaKey])('an access token signed by $algorithm', async (key) => {
  const token = await signAccessToken(claims, key);

  it('has a header that is read the same once it is known', () => {
    const [encoded = '', ...rest] = token.split('.');
    const changed = Array.from(encoded, (character, index) => {
      const other = character === 'A' ? 'B' : 'A';
      return [encoded.slice(0, index) + other + encoded.slice(index + 1), ...rest].join('.');
    });
    const texts = [token, `${encoded}.e30.AA`, `${encoded}.`, encoded, `${encoded}..`, ...changed];
    const before = texts.map(accessTokenKid);
    expect(judge(token)).toBe('accepted');
    expect(texts.map(accessTokenKid)).toEqual(before);
  });

  it('is accepted, and says what was signed', () => {
    expect(accessTokenKid(token)).toBe(key.kid);
    expect(readAccessToken(token, key, NOBODY, NOW_MS)).toEqual({ ok: true, claims });
  });

  it('is accepted after it has expired: whoever uses it judges that, each time', () => {
    expect(judge(token, NOBODY, NOW_MS + 10 ** 10)).toBe('accepted');
  });

  it('is refused with any one of its characters changed', () => {
    const accepted = Array.from(token).flatMap((character, index) => {
      const other = character === 'A' ? 'B' : 'A';
      const changed = token.slice(0, index) + other + token.slice(index + 1);
      return judge(changed) === 'accepted' ? [index] : [];
    });
    expect(accepted).toEqual([]);
  });

  it('is refused with any one of its bits changed', () => {
    const parts = token.split('.');
    const accepted = parts.flatMap((part, place) => {
      const bytes = Buffer.from(part, 'base64url');
      return Array.from(bytes, (byte, index) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(byte ^ (1 << (index % 8)), index);
        return judge(parts.with(place, changed.toString('base64url')).join('.'));
      });
    });
    expect(accepted.filter((outcome) => outcome === 'accepted')).toEqual([]);
  });

  it('is refused cut off at any length', () => {
    const lengths = Array.from({ length: token.length }, (_, length) => length);
    expect(lengths.filter((length) => judge(token.slice(0, length)) === 'accepted')).toEqual([]);
  });

  it('has one spelling: of 64 last characters one is accepted', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const accepted = Array.from(alphabet).filter(
      (last) => judge(token.slice(0, -1) + last) === 'accepted',
    );
    expect(accepted).toEqual([token.at(-1)]);
  });

  it.each(['=', '==', ' ', '\n', '\u0000', '.', '.AAAA'])('is refused with %j after it', (tail) =>
    expect(judge(token + tail)).not.toBe('accepted'),
  );

  it('is refused under a key of ours that did not sign it', () => {
    const other = key === ecKey ? rsaKey : ecKey;
    const renamed = signRaw(
      { ...header, alg: key.algorithm, kid: other.kid },
      claims,
      key.privateKey,
    );
    expect(judge(renamed)).toBe('signature');
  });

  it('is refused when it names the algorithm of the other key', () => {
    const alg = key.algorithm === 'ES256' ? 'RS256' : 'ES256';
    expect(judge(signRaw({ ...header, alg, kid: key.kid }, claims, key.privateKey))).toBe(
      'signature',
    );
  });

  it('is refused when a stranger signed it under our key id', () => {
    const stranger =
      key.algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
    const forged = signRaw(
      { ...header, alg: key.algorithm, kid: key.kid },
      claims,
      stranger.privateKey,
    );
    expect(judge(forged)).toBe('signature');
  });

  it.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    '',
    'HS256',
    'HS512',
    'PS256',
    'EdDSA',
    'ES256 ',
    null,
    0,
    [],
    {},
  ])('is refused when its header says %j for the algorithm, whatever the signature', (alg) => {
    const named = { ...header, alg, kid: key.kid };
    expect(judge(signRaw(named, claims, key.privateKey))).not.toBe('accepted');
    expect(judge(withSignature(named, claims, ''))).not.toBe('accepted');
    expect(judge(withSignature(named, claims, 'AAAA'))).not.toBe('accepted');
  });

  it('is refused when its header names no algorithm', () => {
    const { alg: _, ...unnamed } = header;
    expect(judge(signRaw({ ...unnamed, kid: key.kid }, claims, key.privateKey))).toBe('signature');
  });

  it.each([
    ['PEM', key.publicKey.export({ type: 'spki', format: 'pem' })],
    ['DER', key.publicKey.export({ type: 'spki', format: 'der' })],
    ['JWK', JSON.stringify(key.publicKey.export({ format: 'jwk' }))],
  ])(
    'is refused when it was signed by HMAC with the public key as %s for the secret',
    (_, secret) => {
      const forged = signRawByHmac({ ...header, alg: 'HS256', kid: key.kid }, claims, secret);
      expect(judge(forged)).toBe('signature');
    },
  );
});

describe('the signature of an access token', () => {
  const input = `${encodePart(header)}.${encodePart(claims)}`;

  it.each([
    ['three bytes', Buffer.from('abc')],
    ['63 bytes', Buffer.alloc(63, 1)],
    ['65 bytes', Buffer.alloc(65, 1)],
    ['zeros', Buffer.alloc(64)],
    ['ASN.1', sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'der' })],
  ])('is refused as %s', (_, signature) => {
    expect(judge(withSignature(header, claims, signature))).toBe('signature');
  });

  it('is refused from another curve', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    expect(judge(signRaw(header, claims, privateKey))).toBe('signature');
  });
});

describe.each([2048, 2056, 3072])('the signature by an RSA key of %i bits', (modulusLength) => {
  const pair = generateKeyPairSync('rsa', { modulusLength });
  const key = { kid: rsaKey.kid, algorithm: 'RS256' as const, ...pair };
  const isAccepted = (text: string): boolean => readAccessToken(text, key, NOBODY, NOW_MS).ok;

  it('has one spelling, whatever its length leaves over', async () => {
    const token = await signAccessToken(claims, key);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const others = Array.from(alphabet, (last) => [token.slice(0, -1) + last, token + last]);
    expect(isAccepted(token)).toBe(true);
    expect(others.flat().filter(isAccepted)).toEqual([token]);
  });
});

describe('the header of an access token', () => {
  it('is accepted with alg, kid, typ and version', () => {
    expect(judge(signRaw(header, claims, ec.privateKey))).toBe('accepted');
  });

  it.each([
    ['crit', ['x']],
    ['crit', []],
    ['b64', false],
    ['zip', 'DEF'],
    ['enc', 'A256GCM'],
    ['cty', 'JWT'],
    ['jwk', ec.publicKey.export({ format: 'jwk' })],
    ['jku', 'https://evil.example/jwks.json'],
    ['x5u', 'https://evil.example/cert.pem'],
    ['x5c', ['MIIB']],
    ['x5t', 'AAAA'],
    ['__proto__', { kid: ecKey.kid }],
    ['constructor', 1],
  ])('is refused with %s, even well signed', (name, value) => {
    const extended = `{"${name}":${JSON.stringify(value)},${JSON.stringify(header).slice(1)}`;
    expect(accessTokenKid(signRaw(extended, claims, ec.privateKey))).toBeUndefined();
  });

  it.each([
    'JWT',
    'at+JWT',
    'AT+JWT',
    ' at+jwt',
    'application/at+jwt',
    'dpop+jwt',
    'id+jwt',
    '',
    null,
    1,
    ['at+jwt'],
    undefined,
  ])('is refused with %j for the type', (typ) => {
    expect(accessTokenKid(signRaw({ ...header, typ }, claims, ec.privateKey))).toBeUndefined();
  });

  it.each(['4', '2', '', 5, null, ['5'], undefined])(
    'is refused with %j for the version',
    (version) => {
      expect(
        accessTokenKid(signRaw({ ...header, version }, claims, ec.privateKey)),
      ).toBeUndefined();
    },
  );

  it.each([
    '',
    'd-',
    'ecececececececec',
    's-ecececececececec',
    'm-ecececececececec',
    'd-ececececececece',
    'd-ecececececececece',
    'd-ecececececececec\n',
    'd-../../../../etc/p',
    "d-' OR 1=1--______",
    'd-%00%00%00%00%00%0',
    '__proto__',
    'constructor',
    'toString',
    'd-'.repeat(5000),
    ['d-ecececececececec'],
    { kid: 'd-ecececececececec' },
    null,
    7,
    true,
    undefined,
  ])('is refused with %j for the key id', (kid) => {
    expect(accessTokenKid(signRaw({ ...header, kid }, claims, ec.privateKey))).toBeUndefined();
  });

  it.each(['null', '1', '"x"', '[]', '{', '', '\u0000', '['.repeat(5000), '{"alg":"ES256"'])(
    'is refused as %j',
    (text) => expect(accessTokenKid(withSignature(text, claims, 'AAAA'))).toBeUndefined(),
  );

  it('is refused in bytes that are no UTF-8', () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x7b, 0x7d]).toString('base64url');
    expect(accessTokenKid(`${bytes}.e30.AAAA`)).toBeUndefined();
  });
});

describe('what is no access token at all', () => {
  it.each([
    undefined,
    null,
    0,
    1n,
    true,
    Symbol('token'),
    [],
    ['a.b.c'],
    {},
    () => 'a.b.c',
    Buffer.from('a.b.c'),
    '',
    '.',
    '..',
    '...',
    'a.b',
    'a.b.c.d',
    'a.b.c.d.e',
    'a..c',
    'undefined',
    'eyJ+/.eyJ.AAA',
    'é.é.é',
  ])('is refused: %s', (value) => expect(accessTokenKid(value)).toBeUndefined());

  it('is refused past 8 KiB without being read', async () => {
    const long = { ...claims, text: 'x'.repeat(5000) };
    const token = await signAccessToken(long, ecKey);
    expect(token.length).toBeLessThan(8192);
    expect(judge(token)).toBe('accepted');
    const tooLong = await signAccessToken({ ...long, more: 'x'.repeat(1000) }, ecKey);
    expect(tooLong.length).toBeGreaterThan(8192);
    expect(accessTokenKid(tooLong)).toBeUndefined();
  });
});

describe('the claims of an access token', () => {
  const signed = (changes: object): string =>
    signRaw(header, { ...claims, ...changes }, ec.privateKey);

  it.each([null, 'x', 1, true, [], [1], ['sub'], {}])(
    'are refused as %j, even well signed',
    (payload) => {
      expect(judge(signRaw(header, payload, ec.privateKey))).not.toBe('accepted');
    },
  );

  it('are refused as text that is no JSON, even well signed', () => {
    expect(judge(signRaw(header, 'sub', ec.privateKey))).toBe('claims');
  });

  it.each(['sub', 'tId', 'refreshTokenHash1'])('need a text for %s', (name) => {
    for (const value of [undefined, null, '', 7, true, {}, ['ada']]) {
      expect(judge(signed({ [name]: value }))).toBe('claims');
    }
  });

  it('need a handle of a session', () => {
    for (const sessionHandle of [
      undefined,
      null,
      '',
      'x',
      '00000000-0000-4000-8000-000000000000',
      {},
    ]) {
      expect(judge(signed({ sessionHandle }))).toBe('claims');
    }
  });

  it.each(['parentRefreshTokenHash1', 'antiCsrfToken'])('need a text or null for %s', (name) => {
    expect(judge(signed({ [name]: 'b'.repeat(64) }))).toBe('accepted');
    for (const value of [undefined, 7, true, {}, ['x']]) {
      expect(judge(signed({ [name]: value }))).toBe('claims');
    }
  });

  it.each(['iat', 'exp'])('need whole seconds for %s', (name) => {
    const bad = [undefined, null, `${NOW}`, NOW + 0.5, -1, 1e300, 2 ** 53 + 2, true, {}, [NOW]];
    for (const value of bad) expect(judge(signed({ [name]: value }))).toBe('claims');
  });

  it('need an end after the beginning', () => {
    expect(judge(signed({ exp: NOW }))).toBe('claims');
    expect(judge(signed({ exp: NOW + 1 }))).toBe('accepted');
  });

  it('are refused from the future, but for a minute between clocks', () => {
    const later = (seconds: number) => signed({ iat: NOW + seconds, exp: NOW + 7200 });
    expect(judge(later(60))).toBe('accepted');
    expect(judge(later(61))).toBe('not-yet-valid');
    expect(judge(later(3600))).toBe('not-yet-valid');
  });

  it('are refused before the time that `nbf` says', () => {
    expect(judge(signed({ nbf: NOW + 60 }))).toBe('accepted');
    expect(judge(signed({ nbf: NOW + 61 }))).toBe('not-yet-valid');
    expect(judge(signed({ nbf: 'tomorrow' }))).toBe('claims');
  });

  it.each(['auth_time', 'iss', 'aud'])('are refused with another type for %s', (name) => {
    for (const value of [null, {}, [], ['x'], true, '']) {
      expect(judge(signed({ [name]: value }))).not.toBe('accepted');
    }
  });

  const OURS: AccessTokenAudience = { issuer: 'https://api.example.com/auth', audience: 'shop' };

  it('need the issuer and the audience that are configured', () => {
    const iss = OURS.issuer;
    expect(judge(signed({ iss, aud: 'shop' }), OURS)).toBe('accepted');
    expect(judge(signed({ iss, aud: 'shop-admin' }), OURS)).toBe('audience');
    expect(judge(signed({ iss }), OURS)).toBe('audience');
    expect(judge(signed({ aud: 'shop' }), OURS)).toBe('audience');
    expect(judge(signed({ iss: `${iss}/`, aud: 'shop' }), OURS)).toBe('audience');
    expect(judge(signed({ iss, aud: ['shop'] }), OURS)).toBe('claims');
  });

  it('are refused for somebody else where no audience is configured', () => {
    expect(judge(signed({ aud: 'shop' }))).toBe('audience');
  });

  it('may have any issuer where none is configured', () => {
    expect(judge(signed({ iss: 'https://api.example.com/auth' }))).toBe('accepted');
  });
});

describe('access tokens of several keys', () => {
  it('each name their own key and its algorithm, the first of a key and every later one', async () => {
    const successor = { ...ecKey, kid: 'd-successorsuccess' };
    for (const key of [ecKey, rsaKey, successor, ecKey, successor, rsaKey]) {
      const token = await signAccessToken(claims, key);
      expect(decodeProtectedHeader(token)).toEqual({ ...header, alg: key.algorithm, kid: key.kid });
    }
  });
});

describe('a private key', () => {
  it('is not needed to read', async () => {
    const token = await signAccessToken(claims, ecKey);
    const { kid, algorithm, publicKey } = ecKey;
    expect(readAccessToken(token, { kid, algorithm, publicKey }, NOBODY, NOW_MS).ok).toBe(true);
  });

  it('does not verify in place of the public one of another pair', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const pem = other.export({ type: 'pkcs8', format: 'pem' });
    const token = await signAccessToken(claims, { ...ecKey, privateKey: createPrivateKey(pem) });
    expect(judge(token)).toBe('signature');
  });
});
