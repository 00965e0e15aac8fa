import { describe, expect, it } from 'vitest';
import { isClaimKey } from '../../lib/claims/claim-key.js';
import {
  RESERVED_CLAIMS,
  SERVER_ONLY_CLAIMS,
  withoutReservedClaims,
} from '../../lib/tokens/reserved-claims.js';

describe('the reserved claims', () => {
  it('are those of SuperTokens, of RFC 7519, RFC 8693, RFC 9068 and RFC 7800 that a server would trust', () => {
    expect([...RESERVED_CLAIMS].toSorted()).toEqual([
      'act',
      'antiCsrfToken',
      'aud',
      'auth_time',
      'cnf',
      'exp',
      'iat',
      'iss',
      'jti',
      'kid',
      'nbf',
      'parentRefreshTokenHash1',
      'refreshTokenHash1',
      'rsub',
      'sessionHandle',
      'stt',
      'sub',
      'tId',
      'typ',
      'version',
    ]);
  });

  it('can be the key of no session claim either', () => {
    expect([...RESERVED_CLAIMS].filter((name) => isClaimKey(name))).toEqual([]);
  });

  it('hold all that the front token leaves out', () => {
    expect([...SERVER_ONLY_CLAIMS].filter((name) => !RESERVED_CLAIMS.has(name))).toEqual([]);
  });

  it('are taken out of a payload, and the payload stays as it was', () => {
    const payload = Object.freeze({ sub: 'ada', plan: 'pro', iss: 'x', toString: 'mine' });
    expect(withoutReservedClaims(payload)).toEqual({ plan: 'pro', toString: 'mine' });
    expect(payload.sub).toBe('ada');
  });

  it('are told by their exact spelling', () => {
    expect(withoutReservedClaims({ SUB: 1, tid: 2, ' sub': 3 })).toEqual({
      SUB: 1,
      tid: 2,
      ' sub': 3,
    });
  });
});
