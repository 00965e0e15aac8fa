import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { encodePart, signRaw, signRawByHmac, withSignature } from '../raw-jwt.js';
import { payloadOf, type Holder } from '../scene.js';
import type { TokenOracle } from '../token-oracle.js';
import type { Chance } from './chance.js';

/** What a token is made bad with. */
export interface Material {
  readonly holder: Holder;
  readonly other: Holder;
  readonly oracle: TokenOracle;
  readonly now: number;
}

const ODD = [
  ' ',
  '\t',
  '\u0000',
  '\r',
  '\n',
  '\u00a0',
  '\u2000',
  // Half of a surrogate pair, as UTF-8 would write it.
  '\u00ed\u00a0\u0080',
  '=',
  '+',
  '/',
  '%2E',
  '"',
  ',',
  ';',
  '.',
  '\u00ff',
  '\ufeff',
  '\u202e',
];
const ALGORITHMS = [
  'none',
  'NONE',
  'nOnE',
  'HS256',
  'HS384',
  'HS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'ES256K',
  'ES384',
  'RS256',
  'ES256 ',
  '',
  [],
  {},
  null,
  0,
  true,
];
const KIDS = [
  '__proto__',
  'constructor',
  'toString',
  '../../x',
  "' OR 1=1--",
  '%00',
  '',
  'd-',
  'd-AAAAAAAAAAAAAAAA',
  'd-A'.repeat(3000),
  [],
  {},
  null,
  0,
  undefined,
];
const TYPES = [
  undefined,
  'JWT',
  'jwt',
  'AT+JWT',
  'at+JWT',
  'dpop+jwt',
  'application/at+jwt',
  '',
  [],
  null,
];
const STRANGER = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const EXTRAS = ['crit', 'b64', 'zip', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'enc', 'cty', '__proto__'];
const REQUIRED = ['sub', 'tId', 'sessionHandle', 'refreshTokenHash1', 'iat', 'exp'];
const WRONG = [undefined, null, '', [], {}, true, ['x'], { a: 1 }];
const WRONG_TIMES = [1e300, -1, 2 ** 53, 1.5, '9999999999', Number.NaN];
const TEXTS = ['null', '1', '"x"', '[]', '[1]', '{', '', '{"a":', 'not JSON', '\u0000'];

type Maker = (chance: Chance, material: Material) => string;

/** Ways to make an access token that must not be accepted. */
export const badAccessTokens: Readonly<Record<string, Maker>> = {
  'a text': (chance) =>
    chance.pick(['', '.', '..', '...', 'a.b', 'a.b.c', 'a.b.c.d.e', 'undefined', 'null', '{}']),
  'a byte': (chance, { holder }) => changedText(chance, holder.access),
  'its length': (chance, { holder }) => holder.access.slice(0, chance.below(holder.access.length)),
  // Its signature ends within a character, and decoders ignore what is left of it.
  'its last character': (chance, { holder }) => {
    const { access } = holder;
    const last = BASE64URL.indexOf(access.slice(-1));
    return access.slice(0, -1) + BASE64URL.charAt((last + 1 + chance.below(63)) % 64);
  },
  'its size': (chance) => 'x'.repeat(chance.pick([4_096, 8_191, 8_192, 8_193, 12_000])),
  'its parts': (chance, { holder }) => {
    const parts = holder.access.split('.');
    return Array.from({ length: chance.below(6) }, () => chance.pick(parts)).join('.') + '.';
  },
  'the algorithm': (chance, { holder, oracle }) => {
    const header = { ...oracle.header, alg: chance.pick(ALGORITHMS) };
    const payload = payloadOf(holder.access);
    return chance.pick([oracle.sign(header, payload), withSignature(header, payload, 'AAAA')]);
  },
  'the key id': (chance, { holder, oracle }) =>
    oracle.withHeader(holder.access, { kid: chance.pick(KIDS) }),
  'the type': (chance, { holder, oracle }) =>
    oracle.withHeader(holder.access, { typ: chance.pick(TYPES) }),
  'one header more': (chance, { holder, oracle }) => {
    const extra = `{"${chance.pick(EXTRAS)}":${chance.pick(['["x"]', 'false', '"DEF"', '{}'])},`;
    return oracle.sign(extra + JSON.stringify(oracle.header).slice(1), payloadOf(holder.access));
  },
  'a header of nothing': (chance, { holder, oracle }) =>
    oracle.sign(chance.pick(TEXTS), payloadOf(holder.access)),
  'two headers in one': (chance, { holder, oracle }) => {
    const [name, value] = chance.pick(Object.entries({ alg: 'none', typ: 'JWT', kid: 'd-x' }));
    const header = JSON.stringify({ ...oracle.header, [name]: value }).slice(0, -1);
    return oracle.sign(`${header},"x":${JSON.stringify(oracle.header)}}`, payloadOf(holder.access));
  },
  'bytes that are no text': (chance, { holder }) => {
    const parts = holder.access.split('.').map((part) => Buffer.from(part, 'base64url'));
    const broken = parts[chance.below(2)];
    broken?.writeUInt8(chance.pick([0xff, 0xc0, 0xed]), chance.below(broken.length));
    return parts.map((part) => part.toString('base64url')).join('.');
  },
  'a deep header': (chance, { holder, oracle }) => {
    const depth = 1 + chance.below(2_000);
    return oracle.sign('['.repeat(depth) + ']'.repeat(depth), payloadOf(holder.access));
  },
  'a payload of nothing': (chance, { oracle }) => oracle.sign(oracle.header, chance.pick(TEXTS)),
  'a claim': (chance, { holder, oracle }) =>
    oracle.withClaims(holder.access, { [chance.pick(REQUIRED)]: chance.pick(WRONG) }),
  'claims of a prototype': (chance, { holder, oracle }) => {
    const all = payloadOf(holder.access);
    const name = chance.pick(['__proto__', 'constructor', 'prototype']);
    const inherited = chance.below(2) === 0 ? all : { [name]: all };
    return oracle.sign(oracle.header, `{"${name}":${JSON.stringify(inherited)}}`);
  },
  'a time': (chance, { holder, oracle, now }) =>
    oracle.withClaims(
      holder.access,
      chance.pick([
        { [chance.pick(['iat', 'exp', 'nbf', 'auth_time'])]: chance.pick(WRONG_TIMES) },
        { iat: now + 61 + chance.below(10_000), exp: now + 99_999 },
        { nbf: now + 61 + chance.below(10_000) },
        { exp: now - chance.below(10_000) - 1, iat: 1 },
      ]),
    ),
  'the audience': (chance, { holder, oracle }) =>
    oracle.withClaims(holder.access, { aud: chance.pick(['x', [], ['x'], {}, '', 5]) }),
  'the signature': (chance, { holder, oracle }) => {
    const [header = '', payload = ''] = holder.access.split('.');
    const length = chance.pick([1, 3, 63, 65, 64, 72, 256]);
    const filled = Buffer.alloc(length, chance.pick([0, 1, 255])).toString('base64url');
    return chance.pick([
      `${header}.${payload}.${filled}`,
      `${encodePart(oracle.header)}.eA.${filled}`,
    ]);
  },
  'the form of the signature': (_, { holder, oracle }) => {
    const signed = holder.access.slice(0, holder.access.lastIndexOf('.'));
    const der = sign('sha256', Buffer.from(signed), oracle.privateKey);
    return `${signed}.${der.toString('base64url')}`;
  },
  "a stranger's key": (_, { holder, oracle }) =>
    signRaw(oracle.header, payloadOf(holder.access), STRANGER),
  HMAC: (chance, { holder, oracle }) => {
    const key = createPublicKey(oracle.privateKey);
    const secret = chance.pick([
      '',
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(key.export({ format: 'jwk' })),
    ]);
    const alg = chance.pick(['HS256', oracle.algorithm]);
    return signRawByHmac({ ...oracle.header, alg }, payloadOf(holder.access), secret);
  },
  'another user': (_, { holder, other }) => {
    const [header = '', , signature = ''] = holder.access.split('.');
    return `${header}.${other.access.split('.')[1] ?? ''}.${signature}`;
  },
  'the refresh token': (_, { holder }) => holder.refresh,
};

/** Ways to make a refresh token that must not be accepted. */
export const badRefreshTokens: Readonly<Record<string, Maker>> = {
  'a text': (chance) =>
    chance.pick(['x', 'nasr_', 'nasr_x', 'undefined', 'null', '{}', 'nasr_'.repeat(40)]),
  'a byte': (chance, { holder }) => changedText(chance, holder.refresh),
  'its length': (chance, { holder }) =>
    holder.refresh.slice(0, 1 + chance.below(holder.refresh.length - 1)),
  'a bit': (chance, { holder }) => {
    const bytes = refreshBytes(holder);
    const at = chance.below(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << chance.below(8)), at);
    return encoded(bytes);
  },
  'its version': (chance, { holder }) => {
    const bytes = refreshBytes(holder);
    bytes.writeUInt8(chance.pick([0, 2, 255]), 0);
    return encoded(bytes);
  },
  'its generation': (chance, { holder }) => {
    const bytes = refreshBytes(holder);
    const generation = chance.pick([5, 1_000, 2 ** 31, 2 ** 32 - 1]);
    bytes.writeUInt32BE(generation, 29);
    return encoded(bytes);
  },
  'a part of another session': (chance, { holder, other }) => {
    const bytes = refreshBytes(holder);
    const [start, end] = chance.pick([
      [13, 29],
      [33, 49],
      [81, 113],
    ] as const);
    refreshBytes(other).copy(bytes, start, start, end);
    return encoded(bytes);
  },
  'its MAC': (chance, { holder }) =>
    encoded(refreshBytes(holder).subarray(0, chance.pick([81, 82, 97, 112]))),
  'random bytes': (chance) =>
    encoded(
      Buffer.from(Array.from({ length: 113 }, (_, at) => (at === 0 ? 1 : chance.below(256)))),
    ),
  'the access token': (_, { holder }) => holder.access,
};

function changedText(chance: Chance, text: string): string {
  const at = 1 + chance.below(text.length - 2);
  const [before, character, after] = [text.slice(0, at), text.charAt(at), text.slice(at + 1)];
  const flipped = String.fromCodePoint(
    33 + (((character.codePointAt(0) ?? 33) - 33 + 1 + chance.below(92)) % 94),
  );
  return chance.pick([
    before + flipped + after,
    before + after,
    before + character + character + after,
    before + chance.pick(ODD) + character + after,
  ]);
}

function refreshBytes({ refresh }: Holder): Buffer {
  return Buffer.from(refresh.slice('nasr_'.length), 'base64url');
}

function encoded(bytes: Buffer): string {
  return `nasr_${bytes.toString('base64url')}`;
}
