import { describe, expect, it } from 'vitest';
import { asHttpResponse, headerValues } from '../../../lib/http/context/http-response.js';
import type { HttpRequest } from '../../../lib/http/context/http-request.js';
import { SessionCookie } from '../../../lib/http/transport/cookies.js';
import type { SessionCookieOptions } from '../../../lib/options/cookie-options.js';
import { resolveSessionOptions } from '../../../lib/options/resolve-options.js';

const NOW_MS = 1_700_000_000_000;
const IN_AN_HOUR_MS = NOW_MS + 3_600_000;

function refreshCookie(cookie: SessionCookieOptions): SessionCookie {
  const options = resolveSessionOptions({ cookie }, { production: false });
  return new SessionCookie(options.cookie.refreshToken, options.cookie);
}

function requestTo(host: string, cookie?: string): HttpRequest {
  return { method: 'POST', headers: { host, cookie } };
}

/** What a response's Set-Cookie lines say: name, value and domain, in order. */
function written(write: (response: ReturnType<typeof asHttpResponse>) => void): string[] {
  const headers = new Map<string, unknown>();
  const response = asHttpResponse({
    getHeader: (name: string) => headers.get(name),
    removeHeader: (name: string) => headers.delete(name),
    header: (name: string, value: unknown) => headers.set(name, value),
  });
  write(response);
  return headerValues(response, 'set-cookie').map((line) => {
    const domain = /Domain=([^;]*)/.exec(line)?.[1];
    const pair = line.split(';')[0] ?? '';
    return domain === undefined ? pair : `${pair} for ${domain}`;
  });
}

describe('a cookie that had another domain before', () => {
  it.each([
    [
      'a parent domain, now the host alone',
      { olderDomain: 'example.com' },
      ['__Host-sRefreshToken=new', '__Secure-sRefreshToken= for example.com'],
    ],
    [
      'the host alone, now a parent domain',
      { domain: 'example.com', olderDomain: '' },
      ['__Secure-sRefreshToken=new for example.com', '__Host-sRefreshToken='],
    ],
    [
      'another parent domain',
      { domain: 'app.example.com', olderDomain: '.Example.com' },
      ['__Secure-sRefreshToken=new for app.example.com', '__Secure-sRefreshToken= for example.com'],
    ],
    [
      'a parent domain, without prefixes',
      { prefix: '' as const, olderDomain: 'example.com' },
      ['sRefreshToken=new', 'sRefreshToken= for example.com'],
    ],
    [
      'a parent domain, now with the prefix of the host alone',
      { prefix: '__Host-' as const, olderDomain: 'example.com' },
      ['__Host-sRefreshToken=new', '__Secure-sRefreshToken= for example.com'],
    ],
  ])('is removed there when it is set: %s', (_title, options, lines) => {
    const request = requestTo('api.app.example.com');
    const cookie = refreshCookie(options);
    expect(
      written((response) => cookie.set(request, response, 'new', IN_AN_HOUR_MS, NOW_MS)),
    ).toEqual(lines);
  });

  it('is removed in both domains when it is cleared', () => {
    const cookie = refreshCookie({ olderDomain: 'example.com' });
    expect(written((response) => cookie.clear(requestTo('api.example.com'), response))).toEqual([
      '__Host-sRefreshToken=',
      '__Secure-sRefreshToken= for example.com',
    ]);
  });

  it('is removed in the older domain once for each response, and the last word counts in its own', () => {
    const request = requestTo('api.example.com');
    const cookie = refreshCookie({ prefix: '', olderDomain: 'example.com' });
    const lines = written((response) => {
      cookie.clear(request, response);
      cookie.set(request, response, 'a', IN_AN_HOUR_MS, NOW_MS);
      cookie.set(request, response, 'b', IN_AN_HOUR_MS, NOW_MS);
    });
    expect(lines).toEqual(['sRefreshToken=b', 'sRefreshToken= for example.com']);
  });

  it('is removed nowhere else than where it is written, without the option', () => {
    const cookie = refreshCookie({});
    expect(written((response) => cookie.clear(requestTo('api.example.com'), response))).toEqual([
      '__Host-sRefreshToken=',
    ]);
  });

  it('is read under the name that it had, after the name that it has', () => {
    const request = requestTo(
      'api.example.com',
      '__Secure-sRefreshToken=old; __Host-sRefreshToken=own; __Secure-sRefreshToken=older',
    );
    const cookie = refreshCookie({ olderDomain: 'example.com' });
    expect(cookie.valuesByName(request)).toEqual([
      ['__Host-sRefreshToken', ['own']],
      ['__Secure-sRefreshToken', ['old', 'older']],
    ]);
    expect(cookie.valuesIn(request)).toEqual(['own']);
    expect(cookie.valuesIn(requestTo('api.example.com', '__Secure-sRefreshToken=old'))).toEqual([
      'old',
    ]);
  });

  it('is not read under another name without the option', () => {
    const request = requestTo('api.example.com', '__Secure-sRefreshToken=old');
    expect(refreshCookie({}).valuesByName(request)).toEqual([]);
    expect(refreshCookie({}).valuesIn(request)).toEqual([]);
  });
});

describe('the option `cookie.olderDomain`', () => {
  it.each([
    ['no domain', { olderDomain: '' }],
    ['the same domain', { domain: 'example.com', olderDomain: 'example.com' }],
  ])('is refused where it is what `domain` is: %s', (_title, cookie) => {
    expect(() => resolveSessionOptions({ cookie }, { production: false })).toThrow(
      '`cookie.olderDomain` is the same as `domain`, so it names no older cookie',
    );
  });

  it.each([
    ['localhost', { domain: 'localhost', olderDomain: '' }],
    ['an address', { olderDomain: '127.0.0.1' }],
  ])(
    'is nothing on a developer’s machine, where both come to the host alone: %s',
    (_title, cookie) => {
      const options = resolveSessionOptions({ cookie }, { production: false });
      expect(options.cookie.olderDomain).toBeUndefined();
    },
  );
});

describe('a cookie for another site', () => {
  it.each([
    ['SameSite=None', { sameSite: 'none' as const }],
    ['Partitioned', { partitioned: true }],
  ])(
    'is Secure on plain http on loopback too, as browsers refuse %s without',
    (_title, options) => {
      const lines: string[] = [];
      const headers = new Map<string, unknown>();
      const response = asHttpResponse({
        getHeader: (name: string) => headers.get(name),
        removeHeader: (name: string) => headers.delete(name),
        header: (name: string, value: string[]) => headers.set(name, lines.push(...value) && value),
      });
      refreshCookie(options).set(requestTo('localhost:3000'), response, 'x', IN_AN_HOUR_MS, NOW_MS);
      expect(lines).toEqual([expect.stringMatching(/^__Host-sRefreshToken=x;.*; Secure/)]);
    },
  );
});
