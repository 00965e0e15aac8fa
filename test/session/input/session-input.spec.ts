import { describe, expect, it } from 'vitest';
import { SessionInputException } from '../../../lib/errors/session-input.exception.js';
import { checkFlag } from '../../../lib/session/input/function-arguments.js';
import {
  checkAccessTokenPayload,
  checkSessionData,
  checkTenantId,
  checkUserId,
} from '../../../lib/session/input/session-input.js';
import { RESERVED_CLAIMS } from '../../../lib/tokens/reserved-claims.js';

/** What the caller is told; `accepted` where there is nothing to tell. */
function refusalOf(check: (value: unknown) => unknown, value: unknown): string {
  try {
    check(value);
  } catch (error) {
    if (error instanceof SessionInputException) return error.message;
    throw error;
  }
  return 'accepted';
}

describe.each([
  ['userId', checkUserId, 255],
  ['tenantId', checkTenantId, 128],
] as const)('%s', (name, check, longest) => {
  it.each([
    'u1',
    ' ',
    'null',
    'undefined',
    '0',
    '__proto__',
    "' OR 1=1 --",
    '%',
    'bob ',
    'bób',
    'bo\u0301b',
    '日本',
    '👩‍🚀',
    '../../etc/passwd',
    '<script>',
    '\u2028',
    '\u202e',
  ])('may be %j, and stays as it is', (value) => expect(check(value)).toBe(value));

  it(`has 1 to ${longest} characters`, () => {
    expect(refusalOf(check, 'x'.repeat(longest))).toBe('accepted');
    expect(refusalOf(check, 'x'.repeat(longest + 1))).toBe(
      `${name} must have 1 to ${longest} characters, not ${longest + 1}`,
    );
    expect(refusalOf(check, '')).toBe(`${name} must have 1 to ${longest} characters, not 0`);
  });

  it.each([
    '\u0000',
    'a\r\nSet-Cookie: x=1',
    'a\u0000b',
    '\u007f',
    '\u0085',
    'a\ud800',
    '\udc00a',
    '\t',
  ])('has no control characters and no half of a character: %j', (value) =>
    expect(refusalOf(check, value)).toBe(`${name} must not have control characters`),
  );

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['a number', Number.NaN],
    ['a bigint', 1n],
    ['a boolean', true],
    ['a symbol', Symbol('u1')],
    ['a function', () => 'u1'],
    ['an array', ['u1']],
    ['an array', []],
    ['an object', { toString: () => 'u1' }],
    ['an object', Object('u1')],
    ['an object', new Date(0)],
    ['an object', { type: 'like', value: '%' }],
  ])('is a string and not %s', (kind, value) => {
    expect(refusalOf(check, value)).toBe(`${name} must be a string, not ${kind}`);
  });
});

describe('persistent', () => {
  const checkPersistent = (value: unknown) => checkFlag('persistent', value);

  it.each([true, false, undefined])('may be %s', (value) => {
    expect(checkPersistent(value)).toBe(value);
  });

  it.each([
    ['null', null],
    ['a string', 'false'],
    ['a string', ''],
    ['a number', 0],
    ['an object', Promise.resolve(false)],
  ])('is not %s', (kind, value) => {
    expect(refusalOf(checkPersistent, value)).toBe(`persistent must be true or false, not ${kind}`);
  });
});

describe('content that is missing', () => {
  it('makes the payload of a login empty, and is refused as data: a login has a default for that', () => {
    expect(checkAccessTokenPayload(undefined)).toEqual({});
    expect(checkAccessTokenPayload(null)).toEqual({});
    const refusal = 'sessionDataInDatabase must be a plain object';
    expect(refusalOf(checkSessionData, undefined)).toBe(refusal);
    expect(refusalOf(checkSessionData, null)).toBe(refusal);
  });
});

describe.each([
  ['accessTokenPayload', checkAccessTokenPayload],
  ['sessionDataInDatabase', checkSessionData],
] as const)('%s', (name, check) => {
  it('has at most 60,000 bytes as it is stored, whatever the characters', () => {
    // Six for each: `\\u00e9`.
    const text = 'é'.repeat(9_998);
    expect(refusalOf(check, { a: `${text}aaaa` })).toBe('accepted');
    expect(refusalOf(check, { a: `${text}aaaaa` })).toBe(`${name} has 60001 bytes; at most 60000`);
    expect(refusalOf(check, { a: `${text}é` })).toBe(`${name} has 60002 bytes; at most 60000`);
  });

  it.each([['text'], [7], [true], [[]], [new Date(0)]])('is a plain object and not %j', (value) => {
    expect(refusalOf(check, value)).toBe(`${name} must be a plain object`);
  });
});

describe('accessTokenPayload', () => {
  it.each([...RESERVED_CLAIMS])('can not set the reserved claim %s', (claim) => {
    for (const value of ['x', 0, null, false, {}]) {
      expect(refusalOf(checkAccessTokenPayload, { plan: 'pro', [claim]: value })).toBe(
        `accessTokenPayload sets the reserved claim ${claim}`,
      );
    }
  });

  it('may use the same names further inside, where they say nothing of the session', () => {
    expect(refusalOf(checkAccessTokenPayload, { profile: { sub: 'x', exp: 1 } })).toBe('accepted');
  });
});

describe('sessionDataInDatabase', () => {
  it('may use any name: it is in no token', () => {
    expect(refusalOf(checkSessionData, { sub: 'x', exp: 1, iss: 'y' })).toBe('accepted');
  });
});

describe('a refused argument', () => {
  it('answers 400 with its name, and has a code for programs', () => {
    expect(() => checkUserId(7)).toThrow(
      expect.objectContaining({ code: 'SESSION_INPUT', argument: 'userId', clearTokens: false }),
    );
    const error = new SessionInputException('userId', 'must be a string');
    expect([error.getStatus(), error.getResponse()]).toEqual([
      400,
      { statusCode: 400, code: 'SESSION_INPUT', message: 'userId must be a string' },
    ]);
  });
});
