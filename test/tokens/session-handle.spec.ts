import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  firstSessionHandleOf,
  isSessionHandle,
  newSessionHandle,
  writeSessionHandle,
  sessionHandleCreatedAtMs,
  sessionHandleFromBytes,
} from '../../lib/tokens/session-handle.js';

// RFC 9562, appendix A.6: its example of a UUID of version 7, made on 22 February 2022 at 19:22:22 UTC.
const RFC_EXAMPLE = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
const RFC_EXAMPLE_MS = 1_645_557_742_000;

function bytesOf(handle: string): Buffer {
  const bytes = Buffer.alloc(18, 0xff);
  writeSessionHandle(bytes, handle, 1);
  expect([bytes[0], bytes[17]]).toEqual([0xff, 0xff]);
  return bytes.subarray(1, 17);
}

describe('a session handle', () => {
  it('is a lower-case UUID of version 7 that begins with its time', () => {
    expect(newSessionHandle(RFC_EXAMPLE_MS)).toMatch(
      /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('says when it was created, in milliseconds', () => {
    expect(sessionHandleCreatedAtMs(RFC_EXAMPLE)).toBe(RFC_EXAMPLE_MS);
  });

  it.each([0, 1, 1.9, RFC_EXAMPLE_MS, 2 ** 48 - 1])('is made for the time %d', (nowMs) => {
    const handle = newSessionHandle(nowMs);
    expect(isSessionHandle(handle)).toBe(true);
    expect(sessionHandleCreatedAtMs(handle)).toBe(Math.floor(nowMs));
  });

  it.each([-1, 2 ** 48, NaN, Infinity, -Infinity])('is refused for the time %d', (nowMs) => {
    expect(() => newSessionHandle(nowMs)).toThrow(RangeError);
  });

  it('sorts as text by its time', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1 }), (earlierMs, byMs) => {
        expect(newSessionHandle(earlierMs) < newSessionHandle(earlierMs + byMs)).toBe(true);
      }),
    );
  });

  it.each([1, RFC_EXAMPLE_MS, 2 ** 48 - 1])('stands behind the first of its time: %d', (atMs) => {
    const first = firstSessionHandleOf(atMs);
    expect(isSessionHandle(first)).toBe(true);
    expect(sessionHandleCreatedAtMs(first)).toBe(atMs);
    expect(first <= newSessionHandle(atMs)).toBe(true);
    expect(newSessionHandle(atMs - 1) < first).toBe(true);
  });

  it.each([-1, -Infinity])('has the epoch for the first time there is: %d', (atMs) => {
    expect(firstSessionHandleOf(atMs)).toBe(firstSessionHandleOf(0));
  });

  it('is never made twice for one millisecond', () => {
    const handles = Array.from({ length: 20_000 }, () => newSessionHandle(RFC_EXAMPLE_MS));
    expect(new Set(handles).size).toBe(20_000);
  });

  it('has every random bit in both values', () => {
    const ones = new Set<number>();
    const zeros = new Set<number>();
    for (let made = 0; made < 200; made += 1) {
      const bytes = bytesOf(newSessionHandle(0));
      for (let bit = 0; bit < 128; bit += 1) {
        (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1 ? ones : zeros).add(bit);
      }
    }
    // 48 bits of time, 4 of the version and 2 of the variant are the same in all of them.
    expect([...ones].filter((bit) => zeros.has(bit))).toHaveLength(74);
  });

  it('comes back from its 16 bytes', () => {
    const bytes = bytesOf(RFC_EXAMPLE);
    expect(bytes.toString('hex')).toBe('017f22e279b07cc398c4dc0c0c07398f');
    expect(sessionHandleFromBytes(bytes)).toBe(RFC_EXAMPLE);
  });
});

describe('no session handle is', () => {
  it.each([
    ['an empty text', ''],
    ['a handle in upper case', RFC_EXAMPLE.toUpperCase()],
    ['a handle with one digit in upper case', RFC_EXAMPLE.replace('f', 'F')],
    ['a handle without hyphens', RFC_EXAMPLE.replaceAll('-', '')],
    ['a handle in braces', `{${RFC_EXAMPLE}}`],
    ['a handle with a space before it', ` ${RFC_EXAMPLE}`],
    ['a handle with a line break after it', `${RFC_EXAMPLE}\n`],
    ['a handle with a NUL after it', `${RFC_EXAMPLE}\0`],
    ['a UUID of version 4', '919108f7-52d1-4320-9bac-f847db4148a8'],
    ['a UUID of another variant', '017f22e2-79b0-7cc3-c8c4-dc0c0c07398f'],
    ['the nil UUID', '00000000-0000-0000-0000-000000000000'],
    ['a name of an object', '__proto__'],
    ['a long text', RFC_EXAMPLE.repeat(100_000)],
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['an array of one handle', [RFC_EXAMPLE]],
    ['an object that reads as a handle', { toString: () => RFC_EXAMPLE }],
  ])('%s', (_name, value) => {
    expect(isSessionHandle(value)).toBe(false);
  });

  it('a handle cut short at any place', () => {
    for (let length = 0; length < RFC_EXAMPLE.length; length += 1) {
      expect(isSessionHandle(RFC_EXAMPLE.slice(0, length))).toBe(false);
    }
  });

  it("any value that isn't a text", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(isSessionHandle(value)).toBe(false);
      }),
    );
  });
});

describe('what is no handle', () => {
  it('has no time and no bytes', () => {
    const versionFour = '919108f7-52d1-4320-9bac-f847db4148a8';
    expect(() => sessionHandleCreatedAtMs(versionFour)).toThrow(TypeError);
    expect(() => bytesOf(versionFour)).toThrow(TypeError);
  });

  it('is not named in the error', () => {
    expect(() => bytesOf('a secret')).toThrow(/^Not a session handle$/);
  });

  it.each([0, 15, 17, 64])('does not come from %d bytes', (length) => {
    expect(sessionHandleFromBytes(Buffer.alloc(length, 0x7f))).toBeUndefined();
  });

  it('does not come from the bytes of a UUID of version 4', () => {
    const bytes = Buffer.from('919108f752d143209bacf847db4148a8', 'hex');
    expect(sessionHandleFromBytes(bytes)).toBeUndefined();
  });
});
