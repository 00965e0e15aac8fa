import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import fc from 'fast-check';
import { CookieJar } from 'tough-cookie';
import { describe, expect, it } from 'vitest';
import { asHttpResponse } from '../../../lib/http/context/http-response.js';
import { cookieValues } from '../../../lib/http/transport/cookie-values.js';
import { SessionCookie } from '../../../lib/http/transport/cookies.js';
import { resolveSessionOptions } from '../../../lib/options/resolve-options.js';
import type { SessionCookieOptions } from '../../../lib/options/cookie-options.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 24 * 60 * 60 * 1000;

function accessCookie(written: SessionCookieOptions = {}): SessionCookie {
  const { cookie } = resolveSessionOptions({ cookie: written }, { production: false });
  return new SessionCookie(cookie.accessToken, cookie);
}

function requestTo(url: string, cookie?: string) {
  const { host, protocol } = new URL(url);
  return {
    method: 'POST',
    headers: { host, referer: `${url}/`, ...(cookie === undefined ? {} : { cookie }) },
    socket: { encrypted: protocol === 'https:' },
  };
}

/** The Set-Cookie lines that some writing leaves. */
function linesOf(write: (response: ReturnType<typeof asHttpResponse>) => void): string[] {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  write(asHttpResponse(response));
  const lines = response.getHeader('set-cookie');
  return Array.isArray(lines) ? lines : [];
}

function set(written: SessionCookieOptions, url: string, expiresAtMs?: number): string[] {
  return linesOf((response) =>
    accessCookie(written).set(requestTo(url), response, 'token', expiresAtMs, NOW_MS),
  );
}

function clear(written: SessionCookieOptions, url: string, cookie?: string): string[] {
  return linesOf((response) => accessCookie(written).clear(requestTo(url, cookie), response));
}

describe('a cookie', () => {
  it.each([
    ['http://localhost:3000', {}, 'sAccessToken=token; Path=/; HttpOnly; SameSite=Lax'],
    ['http://127.0.0.1:3000', {}, 'sAccessToken=token; Path=/; HttpOnly; SameSite=Lax'],
    ['http://[::1]:3000', {}, 'sAccessToken=token; Path=/; HttpOnly; SameSite=Lax'],
    [
      'https://localhost:3000',
      {},
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'https://example.com',
      {},
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    // TLS ends at a proxy that tells nothing of it.
    ['http://example.com', {}, '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax'],
    [
      'http://192.168.1.5:3000',
      {},
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'https://example.com',
      { sameSite: 'strict' },
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Strict',
    ],
    [
      'https://example.com',
      { sameSite: 'none' },
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=None',
    ],
    // Browsers drop SameSite=None without Secure, and take Secure from a loopback host.
    [
      'http://localhost:3000',
      { sameSite: 'none' },
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=None',
    ],
    [
      'https://app.example.com',
      { domain: 'example.com' },
      '__Secure-sAccessToken=token; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'https://example.com',
      { path: '/app' },
      '__Secure-sAccessToken=token; Path=/app; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'https://example.com',
      { prefix: '__Secure-' },
      '__Secure-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'https://example.com',
      { prefix: '' },
      'sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'http://localhost:3000',
      { prefix: '__Host-' },
      'sAccessToken=token; Path=/; HttpOnly; SameSite=Lax',
    ],
    [
      'http://localhost:3000',
      { secure: true },
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'https://example.com',
      { secure: false },
      'sAccessToken=token; Path=/; HttpOnly; SameSite=Lax',
    ],
    [
      'https://example.com',
      { partitioned: true },
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; Partitioned; SameSite=Lax',
    ],
    [
      'http://localhost:3000',
      { partitioned: true },
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; Partitioned; SameSite=Lax',
    ],
    [
      'https://example.com',
      { names: { accessToken: 'at' } },
      '__Host-at=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
  ] as const)('for %s with %j is %s', (url, written, line) => {
    expect(set(written, url)).toEqual([line]);
  });

  it.each([
    ['http://localhost:3000', {}],
    ['https://example.com', {}],
    ['https://app.example.com', { domain: 'example.com' }],
    ['https://example.com', { prefix: '__Secure-' }],
    ['https://example.com', { prefix: '' }],
    ['https://example.com', { path: '/app' }],
    ['https://example.com', { secure: false }],
  ] as const)(
    'of %s with %j is kept by a browser that is strict, and removed by its clearing',
    async (url, written) => {
      const jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
      const [line = ''] = set(written, url, Date.now() + DAY_MS);
      await jar.setCookie(line, `${url}/app`, { ignoreError: false });
      expect(await jar.getCookies(`${url}/app`)).toHaveLength(1);
      const [clearing = ''] = clear(written, url);
      await jar.setCookie(clearing, `${url}/app`, { ignoreError: false });
      expect(await jar.getCookies(`${url}/app`)).toEqual([]);
    },
  );

  it('lives until its session ends, by Max-Age and by Expires', () => {
    const [line] = set({}, 'https://example.com', NOW_MS + DAY_MS);
    expect(line).toContain('; Max-Age=86400; ');
    expect(line).toContain('; Expires=Fri, 02 Jan 2026 00:00:00 GMT; ');
  });

  // RFC 6265bis §5.5: browsers cut a longer life.
  it('lives for 400 days at most', () => {
    const [line] = set({}, 'https://example.com', NOW_MS + 3650 * DAY_MS);
    expect(line).toContain('; Max-Age=34560000; ');
  });

  it('lives for a second at least: none would clear it', () => {
    const [line] = set({}, 'https://example.com', NOW_MS - DAY_MS);
    expect(line).toContain('; Max-Age=1; ');
  });

  it('ends with the browser where it has no end of its own', () => {
    expect(set({}, 'https://example.com')[0]).not.toMatch(/Max-Age|Expires/);
  });

  it('is cleared by an empty value, Max-Age 0 and a time long past, with the same attributes', () => {
    expect(clear({ domain: 'example.com' }, 'https://app.example.com')).toEqual([
      '__Secure-sAccessToken=; Max-Age=0; Domain=example.com; Path=/; ' +
        'Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
    ]);
  });

  it('is written once in a response: the last word counts', () => {
    const cookie = accessCookie();
    const request = requestTo('https://example.com');
    const lines = linesOf((response) => {
      cookie.clear(request, response);
      cookie.set(request, response, 'first', undefined, NOW_MS);
      cookie.set(request, response, 'second', undefined, NOW_MS);
    });
    expect(lines).toEqual(['__Host-sAccessToken=second; Path=/; HttpOnly; Secure; SameSite=Lax']);
  });

  it("leaves the application's own cookies alone, also one whose name begins alike", () => {
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    response.setHeader('set-cookie', [
      'theme=dark; Path=/',
      '__Host-sAccessTokenOld=1',
      'x=__Host-sAccessToken=2',
    ]);
    const request = requestTo('https://example.com');
    accessCookie().set(request, asHttpResponse(response), 'token', undefined, NOW_MS);
    expect(response.getHeader('set-cookie')).toEqual([
      'theme=dark; Path=/',
      '__Host-sAccessTokenOld=1',
      'x=__Host-sAccessToken=2',
      '__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
  });

  it('keeps a single cookie that was there as a text and not as a list', () => {
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    response.setHeader('set-cookie', 'theme=dark');
    const request = requestTo('http://localhost');
    accessCookie().set(request, asHttpResponse(response), 'token', undefined, NOW_MS);
    expect(response.getHeader('set-cookie')).toEqual([
      'theme=dark',
      'sAccessToken=token; Path=/; HttpOnly; SameSite=Lax',
    ]);
  });
});

// Browsers send Secure cookies of https://localhost to http://localhost too, whatever the ports.
describe('where a browser shows that it takes Secure cookies on a loopback host', () => {
  it.each(['__Host-sAccessToken=old', '__Host-sRefreshToken=old', 'a=b; __Secure-c=d'])(
    '(%s) they stay Secure',
    (cookie) => {
      const request = requestTo('http://localhost:3000', cookie);
      const lines = linesOf((response) =>
        accessCookie().set(request, response, 'new', undefined, NOW_MS),
      );
      expect(lines).toEqual(['__Host-sAccessToken=new; Path=/; HttpOnly; Secure; SameSite=Lax']);
    },
  );

  it('a plain one that is left goes with them', () => {
    const both = '__Host-sAccessToken=new; sAccessToken=old';
    const names = clear({}, 'http://localhost:3000', both).map((line) => line.split('=')[0]);
    expect(names).toEqual(['__Host-sAccessToken', 'sAccessToken']);
  });

  it('nothing is said of a plain one that is not there', () => {
    expect(clear({}, 'http://localhost:3000', '__Host-sAccessToken=x')).toHaveLength(1);
  });
});

describe('a loopback host that no browser vouches for', () => {
  it.each([
    ['no page', {}],
    ['a page that does not say where it is', { origin: 'null' }],
    ['a public page', { referer: 'https://example.com/' }],
    ['a public page of plain http', { origin: 'http://example.com' }],
  ])('gets Secure cookies: %s', (_, headers: object) => {
    const request = { method: 'GET', headers: { host: 'localhost', ...headers } };
    const lines = linesOf((response) =>
      accessCookie().set(request, response, 'token', undefined, NOW_MS),
    );
    expect(lines).toEqual(['__Host-sAccessToken=token; Path=/; HttpOnly; Secure; SameSite=Lax']);
  });

  it('gets them in production whatever the browser says, unless that is allowed on purpose', () => {
    const written = (options: object) => {
      const { cookie } = resolveSessionOptions(options, { production: true });
      const request = requestTo('http://localhost:3000');
      return linesOf((response) =>
        new SessionCookie(cookie.accessToken, cookie).set(request, response, 't', undefined, 0),
      );
    };
    expect(written({})).toEqual(['__Host-sAccessToken=t; Path=/; HttpOnly; Secure; SameSite=Lax']);
    expect(written({ dangerouslyAllowInsecureCookies: true })).toEqual([
      'sAccessToken=t; Path=/; HttpOnly; SameSite=Lax',
    ]);
  });
});

describe('a second cookie of one name', () => {
  it('is removed at each path that leads to the request, and the written one is not', () => {
    const request = {
      ...requestTo('https://example.com', 'sAccessToken=a; sAccessToken=b'),
      url: '/auth/session/refresh?x=/y',
    };
    const lines = linesOf((response) =>
      accessCookie({ prefix: '' }).set(request, response, 'new', undefined, NOW_MS),
    );
    expect(lines.map((line) => /^[^;]*|Path=[^;]*/g[Symbol.match](line)?.join(' '))).toEqual([
      'sAccessToken=new Path=/',
      'sAccessToken= Path=/auth',
      'sAccessToken= Path=/auth/session',
      'sAccessToken= Path=/auth/session/refresh',
    ]);
  });

  it('is removed with and without `Partitioned`, where that is set', () => {
    const request = {
      ...requestTo('https://example.com', 'sAccessToken=a; sAccessToken=b'),
      url: '/a',
    };
    const cookie = accessCookie({ prefix: '', sameSite: 'none', partitioned: true });
    const lines = linesOf((response) => cookie.clear(request, response));
    expect(
      lines.map((line) => (line.match(/Path=[^;]*|Partitioned/g) ?? []).join(' ')).toSorted(),
    ).toEqual(['Path=/', 'Path=/ Partitioned', 'Path=/a', 'Path=/a Partitioned']);
  });

  it('that is the same value again is one, and nothing is removed', () => {
    const request = {
      ...requestTo('https://example.com', 'sAccessToken=a; sAccessToken=a'),
      url: '/auth/session/refresh',
    };
    const lines = linesOf((response) =>
      accessCookie({ prefix: '' }).set(request, response, 'new', undefined, NOW_MS),
    );
    expect(lines).toHaveLength(1);
  });

  it.each(['/a;Domain=evil', '/%0d%0a', '/ü', `/${'a/'.repeat(500)}`])(
    'puts nothing of an odd path into the answer: %s',
    (url) => {
      const request = {
        ...requestTo('https://example.com', 'sAccessToken=a; sAccessToken=b'),
        url,
      };
      const lines = linesOf((response) => accessCookie({ prefix: '' }).clear(request, response));
      expect(lines.length).toBeLessThanOrEqual(7);
      expect(lines.join('')).not.toMatch(/evil|\r|\n|ü/);
    },
  );
});

describe('the values of a cookie in a request', () => {
  const values = (cookie: string) =>
    cookieValues({ method: 'GET', headers: { cookie } }, 'sAccessToken');

  it.each([
    ['sAccessToken=a', ['a']],
    ['theme=dark; sAccessToken=a; x=1', ['a']],
    ['theme=dark;sAccessToken=a;x=1', ['a']],
    [' \tsAccessToken \t= \ta \t', ['a']],
    ['sAccessToken=', ['']],
    ['sAccessToken=a=b=c', ['a=b=c']],
    ['sAccessToken=a; sAccessToken=b', ['a', 'b']],
    ['sAccessToken=b; x=1; sAccessToken=a', ['b', 'a']],
    ['sAccessToken=a;; ; sAccessToken=a', ['a', 'a']],
  ])('of %j are %j', (cookie, expected) => expect(values(cookie)).toEqual(expected));

  // Each of these is somebody's trick to have another value read than the one that the browser protects.
  it.each([
    ['another case', 'saccesstoken=a; SACCESSTOKEN=b'],
    [
      'another name that begins or ends alike',
      'sAccessTokens=a; xsAccessToken=b; __Host-sAccessToken=c',
    ],
    ['a no-break space before the name', '\u00a0sAccessToken=a'],
    ['a wide space before the name', '\u2000sAccessToken=a'],
    ['a line break before the name', '\nsAccessToken=a'],
    ['a form feed after the name', 'sAccessToken\f=a'],
    ['no name', '=sAccessToken=a'],
    ['no value', 'sAccessToken'],
    ['an encoded name', 'sAccess%54oken=a; %73AccessToken=b'],
    ['quotes around the name', '"sAccessToken"=a'],
    ['the name in another value', 'x="sAccessToken=a"'],
    ['a comma in place of a semicolon', 'x=1, sAccessToken=a'],
    ['nothing', ''],
  ])('are none for %s', (_, cookie) => expect(values(cookie)).toEqual([]));

  it.each([
    ['"a"', '"a"'],
    ['%2E', '%2E'],
    ['j:{"a":1}', 'j:{"a":1}'],
    ['\u00a0a\u00a0', '\u00a0a\u00a0'],
  ])('are taken as they are: %j', (value, expected) => {
    expect(values(`$Version=1; sAccessToken=${value}`)).toEqual([expected]);
  });

  it('are none where the request has no cookies', () => {
    expect(cookieValues({ method: 'GET', headers: {} }, 'sAccessToken')).toEqual([]);
  });

  it('are those of cutting every pair out, whatever is sent', () => {
    const cutOut = (header: string) =>
      header
        .split(';')
        .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
        .map((parts) => parts.map((part) => part.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')))
        .flatMap(([name, value]) => (name === 'ab' && value !== undefined ? [value] : []));
    const pieces = fc.constantFrom('ab', 'a', 'b', '=', ';', ' ', '\t', '; ', 'ab=', ' ab = ');
    const header = fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(header, (cookie) => {
        // A pair without "=" has no name: cutting takes all but its last character for one.
        const named = cookie
          .split(';')
          .filter((pair) => pair.includes('='))
          .join(';');
        const found = cookieValues({ method: 'GET', headers: { cookie } }, 'ab');
        expect(found).toEqual(cutOut(named));
      }),
      { numRuns: 500 },
    );
  });

  it('are found in a long header at once', () => {
    const startedAt = performance.now();
    expect(values(`${'a;= \t'.repeat(3000)}; sAccessToken=a`)).toEqual(['a']);
    expect(values(`sAccessToken=${' \t'.repeat(8000)}a`)).toEqual(['a']);
    expect(values(`sAccessToken=a${' \t'.repeat(8000)}b`)).toHaveLength(1);
    expect(performance.now() - startedAt).toBeLessThan(50);
  });
});

describe('the cookie that counts in a request', () => {
  const both = '__Host-sAccessToken=strong; sAccessToken=weak';

  it.each([
    ['https://example.com', both, ['strong']],
    ['http://localhost:3000', both, ['strong']],
    ['http://localhost:3000', 'sAccessToken=weak', ['weak']],
    // A neighbour on a subdomain can set this one, but none with the prefix.
    ['https://example.com', 'sAccessToken=weak', []],
    ['http://example.com', 'sAccessToken=weak', []],
    ['https://localhost:3000', 'sAccessToken=weak', []],
  ])('at %s of %j is %j', (url, cookie, expected) => {
    expect(accessCookie().valuesIn(requestTo(url, cookie))).toEqual(expected);
  });

  it('has no prefix where the cookies have none', () => {
    const request = requestTo('https://example.com', both);
    expect(accessCookie({ prefix: '' }).valuesIn(request)).toEqual(['weak']);
  });
});
