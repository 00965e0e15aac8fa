import { createHash, createHmac } from 'node:crypto';

import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import {
  mintRefreshToken,
  NO_PARENT_HASH,
  readRefreshToken,
  type RefreshTokenKey,
  type RefreshTokenReading,
} from '../../lib/tokens/refresh-token.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { KEY, secretFrom } from '../support/refresh-token-key.js';

type FindKey = Parameters<typeof readRefreshToken>[1];

const HANDLE = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
// SHA-256 of the word "parent".
const PARENT_HASH = 'e47125968b3b71049fbc4802d1e40a71ea1359decfabacf70b34588037d4ff0c';

// Made by another program, Python's hmac and hashlib, from the layout: version 1, the key id 00 to 0b, the handle,
// generation 7, the nonce a0 to af, the parent's hash, and the HMAC-SHA-256 of all that under the key 00 to 1f.
const KNOWN_TOKEN =
  'nasr_AQABAgMEBQYHCAkKCwF_IuJ5sHzDmMTcDAwHOY8AAAAHoKGio6SlpqeoqaqrrK2ur-RxJZaLO3EEn7xIAtHkCnHqE1nez6us9ws0WIA3' +
  '1P8M3Yb3mDzXTBlAhxcjaHA5GnHsXcTJ1i9uykyGCtR3HBc';
const KNOWN_HASH = '99f8d5a0a64daeab28c3efd76d088aa7e80958fd4badd4a875e7b295047d384d';

const TOKEN_BYTES = 113;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const lineage = { sessionHandle: HANDLE, generation: 7, parentHash: PARENT_HASH };

function read(token: unknown, keys: readonly RefreshTokenKey[] = [KEY]): RefreshTokenReading {
  const byId = new Map(keys.map((key) => [key.id, key]));
  return readRefreshToken(token, (id) => byId.get(id));
}

function bytesOf(token: string): Buffer {
  return Buffer.from(token.slice('nasr_'.length), 'base64url');
}

function withBytes(bytes: Uint8Array): string {
  return `nasr_${Buffer.from(bytes).toString('base64url')}`;
}

/** A token with bytes of our choice, and an authentic MAC. */
function sealed(body: Uint8Array): string {
  const mac = createHmac('sha256', KEY.macKey).update(body).digest();
  return withBytes(Buffer.concat([body, mac]));
}

describe('a refresh token', () => {
  it('is a fixed prefix and 151 base64url characters', () => {
    expect(mintRefreshToken(lineage, KEY).token).toMatch(/^nasr_[\w-]{151}$/);
  });

  it('says its key, its session, its generation and its parent', () => {
    const { token, hash } = mintRefreshToken(lineage, KEY);
    expect(read(token)).toEqual({
      ok: true,
      claims: {
        keyId: 'AAECAwQFBgcICQoL',
        sessionHandle: HANDLE,
        generation: 7,
        parentHash: PARENT_HASH,
        hash,
      },
    });
  });

  it('is read as another program wrote it', () => {
    expect(read(KNOWN_TOKEN)).toEqual({
      ok: true,
      claims: {
        keyId: 'AAECAwQFBgcICQoL',
        sessionHandle: HANDLE,
        generation: 7,
        parentHash: PARENT_HASH,
        hash: KNOWN_HASH,
      },
    });
  });

  it('is laid out byte for byte as documented', () => {
    const bytes = bytesOf(mintRefreshToken(lineage, KEY).token);
    const known = bytesOf(KNOWN_TOKEN);
    expect(bytes).toHaveLength(TOKEN_BYTES);
    expect(bytes.subarray(0, 33)).toEqual(known.subarray(0, 33));
    expect(bytes.subarray(49, 81)).toEqual(known.subarray(49, 81));
    const mac = createHmac('sha256', KEY.macKey).update(bytes.subarray(0, 81)).digest();
    expect(bytes.subarray(81)).toEqual(mac);
  });

  it('has the SHA-256 of its whole text as its hash', () => {
    const { token, hash } = mintRefreshToken(lineage, KEY);
    expect(hash).toBe(createHash('sha256').update(token).digest('hex'));
  });

  it('of the first generation names no parent', () => {
    const first = { sessionHandle: HANDLE, generation: 0, parentHash: NO_PARENT_HASH };
    const reading = read(mintRefreshToken(first, KEY).token);
    expect(reading).toMatchObject({
      ok: true,
      claims: { generation: 0, parentHash: '0'.repeat(64) },
    });
  });

  it('is never the same twice, whatever it is made for', () => {
    const tokens = Array.from({ length: 20_000 }, () => mintRefreshToken(lineage, KEY).token);
    expect(new Set(tokens).size).toBe(20_000);
  });

  it('reads back as it was made, for every session, generation and parent', () => {
    const sessionHandle = fc.nat().map(newSessionHandle);
    const generation = fc.integer({ min: 0, max: 0xffff_ffff });
    const parentHash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => {
      return Buffer.from(bytes).toString('hex');
    });
    fc.assert(
      fc.property(fc.record({ sessionHandle, generation, parentHash }), (made) => {
        const { token, hash } = mintRefreshToken(made, KEY);
        expect(read(token)).toEqual({ ok: true, claims: { ...made, hash, keyId: KEY.id } });
      }),
    );
  });

  it('is read by the key that it names, among several', () => {
    const other = { ...KEY, id: 'LLLLLLLLLLLLLLLL', macKey: secretFrom(64) };
    const { token } = mintRefreshToken(lineage, other);
    expect(read(token, [KEY, other])).toMatchObject({ ok: true, claims: { keyId: other.id } });
  });
});

describe('making a refresh token', () => {
  it.each([-1, 0.5, 2 ** 32, 2 ** 53, NaN, Infinity])('refuses the generation %d', (generation) => {
    expect(() => mintRefreshToken({ ...lineage, generation }, KEY)).toThrow(RangeError);
  });

  it.each(['', HANDLE.toUpperCase(), '919108f7-52d1-4320-9bac-f847db4148a8'])(
    'refuses the session handle "%s"',
    (sessionHandle) => {
      expect(() => mintRefreshToken({ ...lineage, sessionHandle }, KEY)).toThrow(TypeError);
    },
  );

  it.each(['', 'e4', PARENT_HASH.toUpperCase(), `${PARENT_HASH}00`, 'g'.repeat(64)])(
    'refuses the parent hash "%s"',
    (parentHash) => {
      expect(() => mintRefreshToken({ ...lineage, parentHash }, KEY)).toThrow(TypeError);
    },
  );

  it.each(['', 'AAECAwQFBgcICQo', 'AAECAwQFBgcICQoLA', 'AAECAwQFBgcICQ+/'])(
    'refuses the key id "%s"',
    (id) => {
      expect(() => mintRefreshToken(lineage, { ...KEY, id })).toThrow(TypeError);
    },
  );
});

describe('a forged refresh token', () => {
  const { token } = mintRefreshToken(lineage, KEY);

  it('is refused for any one bit that differs, by the first check that the bit concerns', () => {
    const reasons = new Map<number, Set<string>>();
    for (let bit = 0; bit < TOKEN_BYTES * 8; bit += 1) {
      const bytes = bytesOf(token);
      const byte = bit >> 3;
      bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (bit & 7));
      const reading = read(withBytes(bytes));
      const reason = reading.ok ? 'accepted' : reading.reason;
      reasons.set(byte, (reasons.get(byte) ?? new Set()).add(reason));
    }
    for (let byte = 0; byte < TOKEN_BYTES; byte += 1) {
      expect([byte, ...(reasons.get(byte) ?? [])]).toEqual([byte, reasonForByte(byte)]);
    }
  });

  it('is refused for any one character that differs', () => {
    for (let position = 0; position < token.length; position += 1) {
      const other = token[position] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, position) + other + token.slice(position + 1);
      expect(read(changed).ok).toBe(false);
    }
  });

  it('is refused under another secret, and under the secret of anti-CSRF tokens', () => {
    expect(read(token, [{ ...KEY, macKey: secretFrom(64) }])).toEqual(refused('bad-mac'));
    expect(read(token, [{ ...KEY, macKey: KEY.antiCsrfKey }])).toEqual(refused('bad-mac'));
  });

  it('is refused under the id of a key that did not make it', () => {
    const other = { ...KEY, id: 'LLLLLLLLLLLLLLLL', macKey: secretFrom(64) };
    const bytes = bytesOf(token);
    Buffer.from(other.id, 'base64url').copy(bytes, 1);
    expect(read(withBytes(bytes), [KEY, other])).toEqual(refused('bad-mac'));
  });

  it('is refused with a MAC of another token', () => {
    const mac = bytesOf(mintRefreshToken({ ...lineage, generation: 8 }, KEY).token).subarray(81);
    const bytes = Buffer.concat([bytesOf(token).subarray(0, 81), mac]);
    expect(read(withBytes(bytes))).toEqual(refused('bad-mac'));
  });

  it.each([0, 2, 255])('of version %d is refused, even with an authentic MAC', (version) => {
    const body = bytesOf(token).subarray(0, 81);
    body.writeUInt8(version, 0);
    expect(read(sealed(body))).toEqual(refused('malformed'));
  });

  it('is refused where its handle is no UUID of version 7, even with an authentic MAC', () => {
    const body = bytesOf(token).subarray(0, 81);
    body.fill(0, 13, 29);
    expect(read(sealed(body))).toEqual(refused('malformed'));
  });

  it.each([0, 1, 31, 33, 64])('with a MAC of %d bytes is refused', (length) => {
    const body = bytesOf(token).subarray(0, 81);
    const mac = Buffer.alloc(64, createHmac('sha256', KEY.macKey).update(body).digest());
    const bytes = Buffer.concat([body, mac.subarray(0, length)]);
    expect(read(withBytes(bytes))).toEqual(refused('malformed'));
  });
});

describe('one refresh token has one spelling:', () => {
  it('of the 64 characters that it could end in, exactly one is accepted', () => {
    const accepted = Array.from(BASE64URL).filter(
      (last) => read(KNOWN_TOKEN.slice(0, -1) + last).ok,
    );
    expect(accepted).toEqual(['c']);
  });

  it.each([
    ['with padding', `${KNOWN_TOKEN}=`],
    ['in the other base64 alphabet', KNOWN_TOKEN.replaceAll('_', '/').replaceAll('-', '+')],
    ['in the other alphabet behind the prefix', KNOWN_TOKEN.replace('F_I', 'F/I')],
    ['with a space before it', ` ${KNOWN_TOKEN}`],
    ['with a space after it', `${KNOWN_TOKEN} `],
    ['with a line break after it', `${KNOWN_TOKEN}\n`],
    ['with a NUL after it', `${KNOWN_TOKEN}\0`],
    ['with a space inside', KNOWN_TOKEN.replace('F_I', 'F_ I')],
    ['with a percent sign', KNOWN_TOKEN.replace('_', '%5F')],
    ['with its prefix in upper case', KNOWN_TOKEN.replace('nasr', 'NASR')],
    ['without its prefix', KNOWN_TOKEN.slice('nasr_'.length)],
    ['with two prefixes', `nasr_${KNOWN_TOKEN}`],
    ['in quotes', `"${KNOWN_TOKEN}"`],
    ['written twice', KNOWN_TOKEN + KNOWN_TOKEN],
  ])('%s it is refused', (_name, token) => {
    expect(read(token)).toEqual(refused('malformed'));
  });
});

describe('what is no refresh token', () => {
  it.each([
    ['an empty text', ''],
    ['the prefix alone', 'nasr_'],
    ['a text of the right length', 'x'.repeat(156)],
    ['a text of the right length and prefix, outside the alphabet', `nasr_${'é'.repeat(151)}`],
    ['zeros of the right length', `nasr_${'A'.repeat(151)}`],
    ['an access token', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.AAAA'],
    ['a name of an object', '__proto__'],
    ['a lone surrogate', `nasr_${'\ud800'.repeat(151)}`],
    ['a text of 513 characters', 'nasr_'.padEnd(513, 'A')],
    ['a text of 10 million characters', 'nasr_'.padEnd(10_000_000, 'A')],
    ['undefined', undefined],
    ['null', null],
    ['a number', 156],
    ['a symbol', Symbol('nasr_')],
    ['an array of one token', [KNOWN_TOKEN]],
    ['an object that reads as a token', { toString: () => KNOWN_TOKEN }],
    ['a String object', Object(KNOWN_TOKEN)],
    ['the bytes of a token', Buffer.from(KNOWN_TOKEN)],
  ])('is refused before any key is looked up: %s', (_name, value) => {
    const findKey = vi.fn<FindKey>(() => KEY);
    expect(readRefreshToken(value, findKey)).toEqual(refused('malformed'));
    expect(findKey).not.toHaveBeenCalled();
  });

  it('is a token cut short at any place', () => {
    for (let length = 0; length < KNOWN_TOKEN.length; length += 1) {
      expect(read(KNOWN_TOKEN.slice(0, length))).toEqual(refused('malformed'));
    }
  });

  it('is a token whose bytes are cut short at any place', () => {
    for (let length = 0; length < TOKEN_BYTES; length += 1) {
      const bytes = bytesOf(KNOWN_TOKEN).subarray(0, length);
      expect(read(withBytes(bytes))).toEqual(refused('malformed'));
    }
  });

  it('is never accepted and never makes the reader throw, whatever it is', () => {
    const anyBytes = fc.uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES });
    const anyToken = anyBytes.map((bytes) => withBytes(Buffer.from([1, ...bytes.subarray(1)])));
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string({ unit: 'binary' }), anyToken), (value) => {
        expect(readRefreshToken(value, () => KEY).ok).toBe(false);
        expect(read(value).ok).toBe(false);
      }),
    );
  });
});

describe('the key of a presented token', () => {
  it('is asked for once, by the 16 characters of the id', () => {
    const findKey = vi.fn<FindKey>(() => undefined);
    expect(readRefreshToken(KNOWN_TOKEN, findKey)).toEqual(refused('unknown-key'));
    expect(findKey.mock.calls).toEqual([['AAECAwQFBgcICQoL']]);
  });

  it('is unknown where the look-up gives anything but a key of that id', () => {
    const methods: Record<string, RefreshTokenKey> = {};
    for (const id of ['__lookupGetter__', '__defineSetter__']) {
      const body = bytesOf(KNOWN_TOKEN).subarray(0, 81);
      Buffer.from(id, 'base64url').copy(body, 1);
      // Every object has a function of this name, and it has the length of a key id.
      expect(readRefreshToken(sealed(body), (name) => methods[name])).toEqual(
        refused('unknown-key'),
      );
    }
  });
});

function refused(reason: string): object {
  return { ok: false, reason };
}

function reasonForByte(byte: number): string {
  if (byte === 0) return 'malformed';
  return byte <= 12 ? 'unknown-key' : 'bad-mac';
}
