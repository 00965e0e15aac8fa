import { describe, expect, it } from 'vitest';
import { isPlainLoopback, isShownPlainLoopback } from '../../../lib/http/transport/loopback.js';

function request(headers: Record<string, string>, encrypted = false) {
  return { method: 'POST', headers, socket: { encrypted } };
}

describe('a request to this very machine in plain http', () => {
  it.each([
    'localhost',
    'localhost:3000',
    'LocalHost:3000',
    'app.localhost:3000',
    'a.b.localhost',
    '127.0.0.1',
    '127.0.0.1:3000',
    '127.1.2.3',
    '[::1]',
    '[::1]:3000',
  ])('asks for %s', (host) => expect(isPlainLoopback(request({ host }))).toBe(true));

  it.each(['http://localhost:5173', 'http://127.0.0.1:5173', 'http://[::1]:5173', 'null'])(
    'may come from a page at %s',
    (origin) => expect(isPlainLoopback(request({ host: 'localhost:3000', origin }))).toBe(true),
  );

  it.each([
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-host', 'localhost:5173'],
    ['x-forwarded-for', '127.0.0.1'],
  ])('may come through a proxy of a development server (%s: %s)', (name, value) => {
    expect(isPlainLoopback(request({ host: 'localhost:3000', [name]: value }))).toBe(true);
  });
});

describe('a browser that shows its page to be on this very machine', () => {
  const host = 'localhost:3000';

  it.each([
    { origin: 'http://localhost:5173' },
    { referer: 'http://127.0.0.1:3000/a?b' },
    { origin: 'null', referer: 'http://[::1]:5173/' },
  ])('says so by %j', (headers) => {
    expect(isShownPlainLoopback(request({ host, ...headers }))).toBe(true);
  });

  it.each([
    {},
    { origin: 'null' },
    { 'sec-fetch-site': 'same-origin' },
    { referer: 'https://localhost:3000/' },
    { referer: 'http://localhost.example.com/' },
    { referer: 'http://example.com/?http://localhost/' },
    { referer: 'http://user@localhost:3000/' },
    { origin: 'http://example.com', referer: 'http://localhost:3000/' },
    { referer: `http://${'a.'.repeat(9000)}localhost/` },
  ])('is not seen in %j', (headers) => {
    expect(isShownPlainLoopback(request({ host, ...headers }))).toBe(false);
  });
});

describe('a request that cookies without Secure are not for', () => {
  it.each([
    'example.com',
    'example.com:80',
    'localhost.example.com',
    '127.0.0.1.example.com',
    'evil-localhost',
    'localhost:3000@example.com',
    'localhost.',
    '0.0.0.0:3000',
    '10.0.0.1',
    '192.168.1.5:3000',
    '[::]:3000',
    '[fe80::1]',
    '127.0.0',
    'localhost:',
    'localhost:x',
    ' localhost',
    'localhost, example.com',
    '',
  ])('asks for %j', (host) => expect(isPlainLoopback(request({ host }))).toBe(false));

  it('names no host at all', () => expect(isPlainLoopback(request({}))).toBe(false));

  it('comes by TLS', () => {
    expect(isPlainLoopback(request({ host: 'localhost:3000' }, true))).toBe(false);
  });

  it.each([
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-proto', 'HTTPS'],
    ['x-forwarded-proto', 'https,http'],
    ['x-forwarded-proto', 'http, https'],
    ['x-forwarded-host', 'app.example.com'],
    ['x-forwarded-host', 'localhost, app.example.com'],
    ['forwarded', 'proto=https;host=app.example.com'],
    ['forwarded', 'for=192.0.2.1'],
    ['origin', 'https://app.example.com'],
    ['origin', 'http://app.example.com'],
    ['origin', 'https://localhost:5173'],
    ['origin', 'chrome-extension://abcdefgh'],
    ['origin', 'http://localhost.example.com'],
    ['origin', 'nonsense'],
  ])('has a proxy or a page elsewhere behind it (%s: %s)', (name, value) => {
    expect(isPlainLoopback(request({ host: 'localhost:3000', [name]: value }))).toBe(false);
  });

  // A proxy that takes TLS off sends exactly this; it must never take Secure off with it.
  it.each([
    { 'x-forwarded-proto': 'http' },
    { 'x-forwarded-host': 'localhost' },
    { forwarded: 'proto=http;host=localhost' },
    { origin: 'http://localhost' },
    { origin: 'null' },
  ])('asks for a public host, whatever else it says: %j', (headers) => {
    expect(isPlainLoopback(request({ host: 'example.com', ...headers }))).toBe(false);
  });

  it('is decided at once for a host that is long', () => {
    const startedAt = performance.now();
    expect(isPlainLoopback(request({ host: `${'a.'.repeat(4000)}example` }))).toBe(false);
    expect(isPlainLoopback(request({ host: '-'.repeat(8000) }))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(50);
  });
});
