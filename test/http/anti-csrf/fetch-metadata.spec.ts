import { describe, expect, it } from 'vitest';
import {
  isCrossSite,
  isForeignHandshake,
  isSafeMethod,
} from '../../../lib/http/anti-csrf/fetch-metadata.js';

const trusted = {
  trustedOrigins: new Set(['https://www.example.com', 'capacitor://localhost']),
  trustSameSite: true,
  cookie: { secure: 'auto' as const },
};

function judge(headers: Record<string, string>): string {
  return isCrossSite({ method: 'POST', headers }, trusted) ? 'cross-site' : 'not';
}

const OWN = 'https://api.example.com';
const TRUSTED = 'https://www.example.com';
const EVIL = 'https://evil.example';

describe('a request from a page of', () => {
  // Sec-Fetch-Site comes first, as no page can set it; Origin counts where a browser is too old to send it.
  it.each([
    ['this site', 'same-origin', OWN, 'not'],
    ['this site', 'same-origin', undefined, 'not'],
    ['this site whose origin the browser hides', 'same-origin', 'null', 'not'],
    ['a sibling of this site', 'same-site', 'https://app.example.com', 'not'],
    ['the user alone, by address bar or bookmark', 'none', undefined, 'not'],
    ['another site', 'cross-site', EVIL, 'cross-site'],
    ['another site whose origin the browser hides', 'cross-site', 'null', 'cross-site'],
    ['another site', 'cross-site', undefined, 'cross-site'],
    ['another site that claims to be this one', 'cross-site', OWN, 'cross-site'],
    ['another site that is trusted', 'cross-site', TRUSTED, 'not'],
    ['an app on a phone that is trusted', 'cross-site', 'capacitor://localhost', 'not'],
    ['this site in an old browser', undefined, OWN, 'not'],
    ['a sibling in an old browser', undefined, 'https://app.example.com', 'cross-site'],
    ['another site in an old browser', undefined, EVIL, 'cross-site'],
    ['a trusted site in an old browser', undefined, TRUSTED, 'not'],
    ['a hidden origin in an old browser', undefined, 'null', 'cross-site'],
    ['no site: no browser sent it', undefined, undefined, 'not'],
    ['another site behind a proxy that empties the header', '', EVIL, 'cross-site'],
    ['another site behind a proxy that sets it too', 'cross-site, same-origin', EVIL, 'cross-site'],
    ['this site with a value that no browser sends', 'bogus', OWN, 'not'],
    ['nowhere, with a value that no browser sends', 'bogus', undefined, 'cross-site'],
  ])('%s (Sec-Fetch-Site: %s, Origin: %s): %s', (_, site, origin, outcome) => {
    const headers = {
      host: 'api.example.com',
      ...(site === undefined ? {} : { 'sec-fetch-site': site }),
      ...(origin === undefined ? {} : { origin }),
    };
    expect(judge(headers)).toBe(outcome);
  });
});

describe('the origin of an old browser is this host', () => {
  it.each([
    ['api.example.com', 'https://api.example.com'],
    ['API.example.com', 'https://api.example.com'],
    ['api.example.com:443', 'https://api.example.com'],
    ['api.example.com:8443', 'https://api.example.com:8443'],
    ['localhost:3000', 'http://localhost:3000'],
    ['[::1]:3000', 'http://[::1]:3000'],
  ])('at %s for %s', (host, origin) => expect(judge({ host, origin })).toBe('not'));

  it.each([
    ['api.example.com', 'https://api.example.com:8443'],
    ['api.example.com:8443', 'https://api.example.com'],
    ['api.example.com', 'https://api.example.com.evil.example'],
    ['api.example.com', 'https://evil.example/api.example.com'],
    ['api.example.com', 'https://evil.example#api.example.com'],
    ['api.example.com', 'https://xapi.example.com'],
    ['api.example.com', 'https://www.example.com/'],
    ['api.example.com', 'api.example.com'],
    ['api.example.com', ''],
    ['api.example.com', 'https://'],
    ['api.example.com:80', 'http://api.example.com'],
    ['localhost:3000', 'http://localhost:5173'],
    ['', 'https://evil.example'],
  ])('not at %j for %j', (host, origin) => expect(judge({ host, origin })).toBe('cross-site'));
});

describe('a method', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'get'])('%s changes nothing', (method) =>
    expect(isSafeMethod(method)).toBe(true),
  );

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'QUERY', 'G ET', '', '__proto__'])(
    '%j may change something',
    (method) => expect(isSafeMethod(method)).toBe(false),
  );
});

describe('a page in plain http', () => {
  const origin = 'http://app.example.com';
  const request = { method: 'POST', headers: { host: 'app.example.com', origin } };

  it('is another origin than the API of the same host, wherever the cookies are Secure', () => {
    for (const secure of [true, 'auto'] as const) {
      const trust = { ...trusted, cookie: { secure } };
      expect(isCrossSite(request, trust)).toBe(true);
      expect(isForeignHandshake(request, trust)).toBe(true);
      const overTls = { ...request, socket: { encrypted: true } };
      expect(isCrossSite(overTls, trust)).toBe(true);
    }
  });

  it('is our own where the cookies go without Secure, and on a loopback host', () => {
    const insecure = { ...trusted, cookie: { secure: false } };
    expect(isCrossSite(request, insecure)).toBe(false);
    const local = { host: 'localhost:3000', origin: 'http://localhost:3000' };
    expect(isCrossSite({ method: 'POST', headers: local }, trusted)).toBe(false);
    expect(isForeignHandshake({ method: 'GET', headers: local }, trusted)).toBe(false);
  });

  it('on a loopback host is another origin than its https', () => {
    const headers = { host: 'localhost', origin: 'http://localhost' };
    const overTls = { method: 'POST', headers, socket: { encrypted: true } };
    expect(isCrossSite(overTls, trusted)).toBe(true);
  });
});

describe('a handshake', () => {
  it.each([
    ['same-origin', OWN, false],
    ['same-origin', EVIL, true],
    ['none', undefined, false],
    ['same-site', OWN, true],
    ['cross-site', OWN, true],
    ['cross-site', TRUSTED, false],
    [undefined, OWN, false],
    [undefined, EVIL, true],
  ])(
    'is judged by Sec-Fetch-Site before Origin: %s with %s is foreign: %s',
    (site, origin, outcome) => {
      const headers = {
        host: 'api.example.com',
        ...(site === undefined ? {} : { 'sec-fetch-site': site }),
        ...(origin === undefined ? {} : { origin }),
      };
      expect(isForeignHandshake({ method: 'GET', headers }, trusted)).toBe(outcome);
    },
  );
});
