import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { ACCESS_COOKIE, HOST, REFRESH_COOKIE } from '../scene.js';
import type { Material } from './bad-tokens.js';
import type { Chance } from './chance.js';
import {
  goodLines,
  REFRESH,
  SIGN_OUT,
  type BadRequest,
  type Body,
  type Lines,
  type Target,
} from './wire-request.js';

const PLACES: readonly (readonly [string, string])[] = [
  ['GET', '/me'],
  ['POST', '/act'],
  ['POST', REFRESH],
  ['POST', SIGN_OUT],
];
const VERSIONS = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/3.3',
  'HTTP/11',
  'http/1.1',
  'HTTP/1.1 HTTP/1.1',
  'ICE/1.0',
  '',
];
/** What stands before the path in an absolute form (RFC 9112 §3.2.2). */
const AUTHORITIES = [
  `http://${HOST}`,
  `https://${HOST}`,
  `HTTPS://${HOST}:443`,
  'http://evil.example',
  `http://user:password@${HOST}`,
  `http://${HOST}:0`,
  'http://[::1]',
  'http://localhost',
  '//evil.example',
  'file://',
  'javascript:',
];
const HOSTS: readonly Lines[] = [
  [],
  [['Host', '']],
  [['Host', 'evil.example']],
  [['Host', 'localhost']],
  [['Host', 'a b/@[']],
  [['Host', `${HOST}, evil.example`]],
  [['Host', `${HOST}\u00a0`]],
  [
    ['Host', HOST],
    ['Host', 'evil.example'],
  ],
  [
    ['Host', 'evil.example'],
    ['Host', HOST],
  ],
];
const EXPECTATIONS = ['100-continue', '100-Continue', '100-continue, x', 'x', '', '200-ok'];
/** Node keeps 2,000 lines of headers, and takes 16 KiB of them. */
const COUNTS = [100, 1_000, 1_998, 1_999, 2_000, 2_500, 2_900, 4_000];
const ENCODINGS = ['zip', 'gzip, gzip', 'gzip;q=1', 'x'.repeat(1_000), 'gzip', 'deflate', 'br'];
const INFLATED = 10 * 2 ** 20;

let bombs: readonly Body[] | undefined;

/** Requests that are wrong in what a server reads before it comes to any token, or that hide another request in it. */
export const badFramings: Readonly<Record<string, Framing>> = {
  'another version': (chance) => ({ version: chance.pick(VERSIONS) }),
  'an absolute target': (chance) => ({ authority: chance.pick(AUTHORITIES) }),
  'another host': (chance) => ({ host: chance.pick(HOSTS) }),
  'an upgrade': (chance) => ({
    lines: [
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['Upgrade', chance.pick(['h2c', 'websocket', 'TLS/1.0', ''])],
      ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
    ],
  }),
  'an expectation': (chance) => ({
    lines: [['Expect', chance.pick(EXPECTATIONS)]],
    body: chance.pick([
      ['', '{}'],
      // Held back until the server asks for it, which it need not do for a refusal.
      ['', '', [['Content-Length', '2']]],
    ]),
  }),
  'many small headers': (chance) => ({
    lines: [['a', `b${'\r\na: b'.repeat(chance.pick(COUNTS))}`]],
  }),
  'a length beside chunks': (chance, hidden) => ({
    body: [
      '',
      `0\r\n\r\n${hidden}`,
      shuffled(chance, [
        ['Transfer-Encoding', 'chunked'],
        ['Content-Length', chance.pick(['0', '5', String(5 + hidden.length)])],
      ]),
    ],
  }),
  'several lengths': (chance, hidden) => ({
    body: [
      '',
      hidden,
      shuffled(chance, [
        ['Content-Length', '0'],
        ['Content-Length', chance.pick(['0', '1', String(hidden.length)])],
      ]),
    ],
  }),
  'a length that is none': (chance, hidden) => ({
    body: [
      '',
      hidden,
      [
        [
          chance.pick(['Content-Length', 'Content-Length ']),
          chance.pick(['+0', '-1', '0x0', '0, 1', '1 1', '', '1e1', '9'.repeat(30), '٣']),
        ],
      ],
    ],
  }),
  'chunks that are none': (chance, hidden) => ({
    body: [
      '',
      chance.pick([
        `zz\r\n{}\r\n0\r\n\r\n${hidden}`,
        `-1\r\n{}\r\n0\r\n\r\n${hidden}`,
        `${'f'.repeat(17)}\r\n${hidden}`,
        `2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n${hidden}`,
        `0\n\n${hidden}`,
        `1\r\n{}\r\n0\r\n\r\n${hidden}`,
      ]),
      [['Transfer-Encoding', 'chunked']],
    ],
  }),
  'another coding of the transfer': (chance, hidden) => ({
    body: [
      '',
      `0\r\n\r\n${hidden}`,
      chance.pick<Lines>([
        [['Transfer-Encoding', 'xchunked']],
        [['Transfer-Encoding', 'chunked, identity']],
        [['Transfer-Encoding', '\u000bchunked']],
        [['Transfer-Encoding ', 'chunked']],
        [['Transfer-Encoding', 'identity']],
        [
          ['Transfer-Encoding', 'chunked'],
          ['Transfer-Encoding', 'identity'],
        ],
      ]),
    ],
  }),
  'headers after the body': (_, __, good) => ({
    body: ['', `0\r\n${good}\r\n\r\n`, [['Transfer-Encoding', 'chunked']]],
  }),
  'a line within a line': (chance, _, good) => ({
    lines: [['X', `a${chance.pick(['\r\n ', '\r\n\t', '\r', '\n ', '\u0000', '\r\n:'])}${good}`]],
  }),
  'a line without a name': (chance, _, good) => ({
    lines: [[chance.pick(['', ' ', 'a b', 'a\u0000', 'é']), good]],
  }),
  'another coding of the content': (chance) => ({
    body: [
      'application/json',
      chance.pick(['{}', '', '\u001f\u008b', '0'.repeat(1_000)]),
      [['Content-Encoding', chance.pick(ENCODINGS)]],
    ],
  }),
  'content that swells': (chance) => ({ body: chance.pick((bombs ??= bombsOf(INFLATED))) }),
};

interface Frame extends Partial<Pick<BadRequest, 'version' | 'host' | 'body' | 'lines'>> {
  readonly authority?: string;
}

/**
 * @param hidden a whole request that would be accepted, with its line breaks
 * @param good the line that carries its token
 */
type Framing = (chance: Chance, hidden: string, good: string) => Frame;

/** Around a token that is no good; what would be accepted stands only where no server may look for it. */
export function badFraming(chance: Chance, { holder }: Material, target: Target): BadRequest {
  const kind = chance.pick(Object.keys(badFramings));
  const good = goodLines(target, holder)
    .map((line) => line.join(': '))
    .join('\r\n');
  const hidden = `GET /me HTTP/1.1\r\nHost: ${HOST}\r\n${good}\r\n\r\n`;
  const frame = badFramings[kind]?.(chance, hidden, good) ?? {};
  const { authority = '', lines = [], body, ...rest } = frame;
  const [method, path] = chance.pick(PLACES);
  const name = path === REFRESH ? REFRESH_COOKIE : ACCESS_COOKIE;
  const token: Lines =
    target.transfer === 'header' ? [['Authorization', 'Bearer x']] : [['Cookie', `${name}=x`]];
  return {
    kind: `framing: ${kind}`,
    method,
    path: authority + path,
    lines: chance.below(2) === 0 ? [...token, ...lines] : [...lines, ...token],
    body,
    // A server that has closed has not read all: what it said may be lost with the connection.
    mayBeCut: true,
    ...rest,
  };
}

function shuffled(chance: Chance, lines: Lines): Lines {
  return chance.below(2) === 0 ? lines : lines.toReversed();
}

function bombsOf(size: number): readonly Body[] {
  const content = Buffer.alloc(size, '0');
  const fastest = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
  const packed = {
    gzip: gzipSync(content),
    deflate: deflateSync(content),
    br: brotliCompressSync(content, fastest),
  };
  return Object.entries(packed).flatMap(([encoding, bytes]) =>
    ['application/json', 'application/x-www-form-urlencoded'].map((type): Body => [
      type,
      bytes.toString('latin1'),
      [['Content-Encoding', encoding]],
    ]),
  );
}
