import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isClaimKey } from '../../lib/claims/claim-key.js';
import { SessionInputException } from '../../lib/errors/session-input.exception.js';
import { asHttpRequest } from '../../lib/http/context/http-request.js';
import { cookieValues } from '../../lib/http/transport/cookie-values.js';
import { judgeValues } from '../../lib/http/transport/shown-values.js';
import { TokenReader } from '../../lib/http/transport/token-reader.js';
import { readPrivateKey, readSecret } from '../../lib/keys/key-material.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { deviceName } from '../../lib/session/device/device-name.js';
import { toJsonObject } from '../../lib/session/input/json-object.js';
import { durationToMs } from '../../lib/time/duration.js';
import { accessTokenKid, readAccessToken } from '../../lib/tokens/access-token.js';
import { isAntiCsrfTokenOf } from '../../lib/tokens/anti-csrf-token.js';
import { frontTokenFor } from '../../lib/tokens/front-token.js';
import { NO_PARENT_HASH, readRefreshToken } from '../../lib/tokens/refresh-token.js';
import { isSessionHandle, sessionHandleFromBytes } from '../../lib/tokens/session-handle.js';
import { anyValue, hostileValues, MARKER } from '../support/hostile-values.js';
import { KEY } from '../support/refresh-token-key.js';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const reader = new TokenReader(resolveSessionOptions({}, { production: false }));
const signed = { kid: 'd-AAAAAAAAAAAAAAAA', algorithm: 'ES256', publicKey } as const;

/** Texts like those that clients send: parts of good ones in any order. */
const nearly = fc
  .array(
    fc.constantFrom(
      'nasr_',
      'Bearer ',
      '__Host-sAccessToken',
      '=',
      ';',
      ' ',
      '.',
      'eyJ',
      'a',
      '\u0000',
      '\ufeff',
      '%2E',
      '"',
      '5',
      'd',
      '-',
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));
const anyText = fc.oneof(nearly, fc.string({ unit: 'binary', maxLength: 500 }), fc.base64String());
const anything = fc.oneof(anyValue, anyText);

const requestWith = (name: string, value: string) =>
  asHttpRequest({ method: 'GET', headers: { [name]: value } });

/** What each parser makes of a value that nobody meant for it. */
const PARSERS: Readonly<Record<string, (value: unknown) => unknown>> = {
  'a refresh token': (value) => readRefreshToken(value, () => KEY).ok,
  'the key id of an access token': (value) => accessTokenKid(value),
  'an anti-CSRF token': (value) =>
    isAntiCsrfTokenOf(value, { hash: 'f'.repeat(64), parentHash: NO_PARENT_HASH }, KEY),
  'a session handle': (value) => isSessionHandle(value),
};

const TEXT_PARSERS: Readonly<Record<string, (text: string) => boolean>> = {
  'the cookie header': (text) =>
    cookieValues(requestWith('cookie', text), '__Host-sAccessToken').every((value) =>
      text.includes(value),
    ),
  'the authorization header': (text) =>
    text.includes(reader.bearerToken(requestWith('authorization', text)) ?? ''),
  'the values of a request': (text) => {
    const read = (each: string) =>
      readAccessToken(each, signed, { issuer: undefined, audience: undefined }, 0).ok
        ? { token: each }
        : 'forged';
    const shown = [
      { text, cookie: undefined },
      { text, cookie: 'sAccessToken' },
    ];
    return judgeValues(shown, read).authentic.length === 0;
  },
  'an access token': (text) =>
    !readAccessToken(text, signed, { issuer: undefined, audience: undefined }, 0).ok,
  'a private key': (text) => readPrivateKey(text, 'ES256') === undefined,
  'a secret': (text) => (readSecret(text)?.length ?? 32) >= 32,
};

describe('what reads', () => {
  it.each(Object.entries(PARSERS))('%s takes nothing that was not made for it', (_, parse) => {
    const refusals = [false, undefined];
    for (const make of Object.values(hostileValues)) expect(refusals).toContain(parse(make()));
    fc.assert(fc.property(anything, (value) => refusals.includes(parse(value) as undefined)));
  });

  it.each(Object.entries(TEXT_PARSERS))('%s makes nothing up from any text', (_, holds) => {
    fc.assert(fc.property(anyText, holds), { numRuns: 300 });
  });

  it('the bytes of a handle gives a handle or nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), (bytes) => {
        const handle = sessionHandleFromBytes(Buffer.from(bytes));
        return handle === undefined || isSessionHandle(handle);
      }),
    );
  });

  it('a duration gives a number of milliseconds or nothing', () => {
    const isDuration = (value: unknown): boolean => {
      const ms = durationToMs(value);
      return ms === undefined || (Number.isFinite(ms) && ms >= 0);
    };
    for (const make of Object.values(hostileValues)) expect(isDuration(make())).toBe(true);
    const spelt = fc
      .tuple(fc.double(), fc.constantFrom('', ' ', '  '), fc.constantFrom('s', 'm', 'h', 'd', 'y'))
      .map((parts) => parts.join(''));
    fc.assert(fc.property(fc.oneof(anything, spelt), isDuration), { numRuns: 300 });
  });

  it('the key of a claim takes texts alone, and none that leads to a prototype', () => {
    for (const name of ['__proto__', 'constructor', 'prototype'])
      expect(isClaimKey(name)).toBe(false);
    fc.assert(fc.property(anything, (value) => !isClaimKey(value) || typeof value === 'string'));
  });

  it('the name of a device gives a text or nothing, for any user agent', async () => {
    const agents = fc.oneof(
      anyText,
      fc
        .array(fc.constantFrom('Mozilla/5.0 ', '(', ')', 'Windows NT ', 'Chrome/', '1', ';', ' '), {
          maxLength: 60,
        })
        .map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(agents, async (agent) => {
        const name = await deviceName(agent);
        return name === null || typeof name === 'string';
      }),
    );
  });

  it('JSON gives a copy that JSON would give too, or names the argument', () => {
    const isCopyOrRefusal = (value: unknown): boolean => {
      try {
        const copy = toJsonObject('payload', value);
        return JSON.stringify(JSON.parse(JSON.stringify(copy))) === JSON.stringify(copy);
      } catch (error) {
        return error instanceof SessionInputException && !inspect(error).includes(MARKER);
      }
    };
    for (const [label, make] of Object.entries(hostileValues)) {
      expect([label, isCopyOrRefusal(make())]).toEqual([label, true]);
    }
    const json = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(fc.property(fc.oneof(anything, json), isCopyOrRefusal), { numRuns: 300 });
  });

  it('a front token finds in it what was put there', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (claims) => {
        const payload = { ...claims, sub: 'u', exp: 7 };
        const front = JSON.parse(
          Buffer.from(frontTokenFor(payload), 'base64').toString('utf8'),
        ) as Record<string, unknown>;
        const shown = Object.entries(payload).filter(([name]) => !/^(aud|auth_time)$/.test(name));
        expect(front).toEqual({
          uid: 'u',
          ate: 7_000,
          up: JSON.parse(JSON.stringify(Object.fromEntries(shown))) as unknown,
        });
      }),
    );
  });
});
