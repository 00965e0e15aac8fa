import { describe, expect, it } from 'vitest';
import { isClaimKey } from '../../lib/claims/claim-key.js';

describe('the key of a claim', () => {
  it.each(['plan', 'st-role', 'https://example.com/plan', 'toString', ' ', '0'])(
    'may be %j',
    (key) => expect(isClaimKey(key)).toBe(true),
  );

  it.each([
    'sub',
    'iat',
    'exp',
    'nbf',
    'iss',
    'aud',
    'jti',
    'tId',
    'rsub',
    'stt',
    'kid',
    'typ',
    'version',
    'auth_time',
    'sessionHandle',
    'refreshTokenHash1',
    'parentRefreshTokenHash1',
    'antiCsrfToken',
  ])('is not the reserved name %s', (key) => expect(isClaimKey(key)).toBe(false));

  it.each(['__proto__', 'constructor', 'prototype'])(
    'is not %s, which leads to a prototype',
    (key) => expect(isClaimKey(key)).toBe(false),
  );

  it.each([[''], [undefined], [null], [0], [true], [['plan']], [{ key: 'plan' }]])(
    'is a string that is not empty, unlike %j',
    (key) => expect(isClaimKey(key)).toBe(false),
  );
});
