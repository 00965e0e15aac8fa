import { createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { antiCsrfTokenFor, isAntiCsrfTokenOf } from '../../lib/tokens/anti-csrf-token.js';
import {
  mintRefreshToken,
  NO_PARENT_HASH,
  readRefreshToken,
  type RefreshTokenClaims,
} from '../../lib/tokens/refresh-token.js';
import { KEY } from '../support/refresh-token-key.js';

const HANDLE = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
const OTHER_HANDLE = '017f22e2-79b0-7cc3-98c4-dc0c0c073990';
const OTHER_KEY = { ...KEY, antiCsrfKey: createSecretKey(Buffer.alloc(32, 7)) };

const first = token(0, NO_PARENT_HASH);
const second = token(1, first.hash);
const third = token(2, second.hash);

describe('an anti-CSRF token', () => {
  // Made by another program, Python's hmac, with the key 20 to 3f.
  it("is HMAC-SHA-256 of the refresh token's hash, in 43 base64url characters", () => {
    const hash = '99f8d5a0a64daeab28c3efd76d088aa7e80958fd4badd4a875e7b295047d384d';
    expect(antiCsrfTokenFor(hash, KEY)).toBe('_VutN-Bz24uFZN8P7eGaglZWeyR567T6e4EpXcjhxFE');
  });

  it('G3: is derived under a key of its own', () => {
    const macKeyInstead = { ...KEY, antiCsrfKey: KEY.macKey };
    expect(antiCsrfTokenFor(first.hash, macKeyInstead)).not.toBe(antiCsrfTokenFor(first.hash, KEY));
  });
});

describe('at a refresh', () => {
  it('the value of the presented refresh token is accepted', () => {
    expect(isAntiCsrfTokenOf(antiCsrfTokenFor(third.hash, KEY), third, KEY)).toBe(true);
  });

  it('the value of its parent is accepted: the page may have unloaded before it read the new one', () => {
    expect(isAntiCsrfTokenOf(antiCsrfTokenFor(second.hash, KEY), third, KEY)).toBe(true);
  });

  it('the first token of a session has no parent whose value could be accepted', () => {
    expect(isAntiCsrfTokenOf(antiCsrfTokenFor(first.hash, KEY), first, KEY)).toBe(true);
    expect(isAntiCsrfTokenOf(antiCsrfTokenFor(NO_PARENT_HASH, KEY), first, KEY)).toBe(false);
  });

  const own = antiCsrfTokenFor(third.hash, KEY);
  it.each([
    ['of the grandparent', antiCsrfTokenFor(first.hash, KEY)],
    ['of a child', antiCsrfTokenFor(token(3, third.hash).hash, KEY)],
    ['of another session', antiCsrfTokenFor(token(2, second.hash, OTHER_HANDLE).hash, KEY)],
    ['of another server key', antiCsrfTokenFor(third.hash, OTHER_KEY)],
    ['of no parent', antiCsrfTokenFor(NO_PARENT_HASH, KEY)],
    ["that is the refresh token's own hash", third.hash],
    ['that is empty', ''],
    ['of one character', own.slice(0, 1)],
    ['cut by one character', own.slice(0, -1)],
    ['with one character more', `${own}A`],
    ['with padding', `${own}=`],
    ['with a space before it', ` ${own}`],
    ['written twice', `${own}, ${own}`],
    ['in another case', own.toLowerCase()],
    ['in as many characters of several bytes', 'é'.repeat(43)],
    ['in as many lone surrogates', '\ud800'.repeat(43)],
    ['of 256 characters', own.padEnd(256, 'A')],
    ['of 257 characters', own.padEnd(257, 'A')],
    ['of 10 million characters', own.padEnd(10_000_000, 'A')],
    ['that is undefined', undefined],
    ['that is null', null],
    ['that is a number', 43],
    ['in an array', [own]],
    ['in an object that reads as it', { toString: () => own }],
  ])('a value %s is refused', (_name, presented) => {
    expect(isAntiCsrfTokenOf(presented, third, KEY)).toBe(false);
  });

  it('exactly one of the 64 characters that a value could end in is accepted', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const accepted = Array.from(alphabet).filter((last) =>
      isAntiCsrfTokenOf(own.slice(0, -1) + last, third, KEY),
    );
    expect(accepted).toEqual([own.slice(-1)]);
  });

  it('no other value is accepted, and none makes the check throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string({ unit: 'binary' })), (presented) => {
        expect(isAntiCsrfTokenOf(presented, third, KEY)).toBe(false);
      }),
    );
  });
});

function token(generation: number, parentHash: string, sessionHandle = HANDLE): RefreshTokenClaims {
  const minted = mintRefreshToken({ sessionHandle, generation, parentHash }, KEY);
  const reading = readRefreshToken(minted.token, () => KEY);
  if (!reading.ok) throw new Error('A token of our own is refused');
  return reading.claims;
}
