import { describe, expect, it } from 'vitest';
import { TokenReader } from '../../../lib/http/transport/token-reader.js';
import { resolveSessionOptions } from '../../../lib/options/resolve-options.js';

const reader = new TokenReader(resolveSessionOptions({}, { production: false }));

describe('the bearer token of a request', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['Bearer   abc  ', 'abc'],
    ['Bearer ', ''],
    ['Bearer a, Bearer b', 'a, Bearer b'],
    ['bearer abc', 'abc'],
    ['BEARER abc', 'abc'],
    ['Bearer', undefined],
    ['Bearer\tabc', undefined],
    [' Bearer abc', undefined],
    ['Basic YTpi', undefined],
    ['abc', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of Authorization: %j is %j', (authorization, token) => {
    const headers = authorization === undefined ? {} : { authorization };
    expect(reader.bearerToken({ method: 'GET', headers })).toBe(token);
  });
});

describe('the cookies of a request', () => {
  const cookie = '__Host-sAccessToken=a; __Host-sRefreshToken=r; sAccessToken=x; sRefreshToken=y';

  it('are read by their names, each on its own', () => {
    const request = { method: 'GET', headers: { host: 'example.com', cookie } };
    expect(reader.accessTokenCookies(request)).toEqual(['a']);
    expect(reader.refreshTokenCookies(request)).toEqual(['r']);
  });
});
