import { gzipSync } from 'node:zlib';
import { ACCESS_COOKIE, HOST, REFRESH_COOKIE } from '../scene.js';
import { abandonedRequest } from './abandoned-requests.js';
import { badFraming } from './bad-framing.js';
import { badAccessTokens, badRefreshTokens, type Material } from './bad-tokens.js';
import type { Chance } from './chance.js';
import { misplacedAccessTokens, misplacedRefreshTokens, TWO_SESSIONS } from './misplaced-tokens.js';
import { pipelined } from './pipelines.js';
import {
  goodLines,
  proof,
  REFRESH,
  request,
  SIGN_OUT,
  type BadRequest,
  type Body,
  type Lines,
  type Target,
} from './wire-request.js';

const GUARDED: readonly (readonly [string, string])[] = [
  ['GET', '/me'],
  ['GET', '/strict'],
  ['POST', '/act'],
  ['PUT', '/act'],
  ['DELETE', '/act'],
  ['POST', '/unchecked'],
  ['POST', '/forced'],
  ['GET', '/auth/sessions'],
  ['DELETE', '/auth/sessions'],
];
const JUNK: Lines = [
  ['X-HTTP-Method-Override', 'POST'],
  ['X-Forwarded-For', '127.0.0.1, ::1'],
  ['Forwarded', 'for=localhost;proto=https'],
  ['fdi-version', '9.9,__proto__'],
  ['st-auth-mode', 'header'],
  ['X-Original-URL', '/me'],
  ['X-Forwarded-Host', 'localhost'],
  ['X-Forwarded-Proto', 'http'],
  ['Accept', '*/*;q=0.0001'],
];
const EVIL: readonly Lines[] = [
  [['Sec-Fetch-Site', 'cross-site']],
  [['Origin', 'https://evil.example']],
  [
    ['Origin', 'https://evil.example'],
    ['X-Forwarded-Host', 'evil.example'],
    ['Host', 'evil.example'],
  ],
  [['Origin', 'null']],
  [['Origin', `https://${HOST}.evil.example`]],
  [['Origin', `https://evil.example/${HOST}`]],
  [
    ['Sec-Fetch-Site', 'cross-site'],
    ['Origin', `https://${HOST}`],
  ],
];
const BODIES: readonly Body[] = [
  ['text/plain', 'rid=session'],
  ['application/x-www-form-urlencoded', 'userId=admin&sAccessToken=x'],
  ['multipart/form-data; boundary=x', '--x--'],
  ['application/json', '{"userId":"admin","tenantId":"b"}'],
  ['application/json', '{"__proto__":{"role":"admin"}}'],
  ['application/json', '{'],
  ['application/json', 'null'],
  ['', 'x'],
  [
    'application/json',
    gzipSync('0'.repeat(2 ** 20)).toString('latin1'),
    [['Content-Encoding', 'gzip']],
  ],
  ['application/json', '2\r\n{}\r\n0\r\n\r\n', [['Transfer-Encoding', 'chunked']]],
  [
    'application/json',
    '0\r\n\r\n',
    [
      ['Transfer-Encoding', 'chunked'],
      ['Content-Length', '5'],
    ],
  ],
];
// Node takes 16 KiB of headers, Express 100 KiB of a body and Fastify 1 MiB.
const SIZES = [2 ** 16 - 1, 2 ** 16, 2 ** 16 + 1, 2 ** 17, 2 ** 18, 2 ** 20];
const LARGEST = 10 * 2 ** 20;

/** Makes the request that a chance stands for. */
export function badRequest(chance: Chance, material: Material, target: Target): BadRequest {
  const way = chance.below(64);
  if (way < 3) return badFraming(chance, material, target);
  if (way < 5) return abandonedRequest(chance, material, target, badRequestAlone);
  if (way < 6) return pipelined(chance, () => tokenInItsPlace(chance, material, target));
  return badRequestAlone(chance, material, target);
}

function badRequestAlone(chance: Chance, material: Material, target: Target): BadRequest {
  if (chance.below(60) === 0) return large(chance, material);
  const makers = [
    tokenInItsPlace,
    tokenInItsPlace,
    tokenInItsPlace,
    tokenInItsPlace,
    tokenInItsPlace,
    signOut,
    misplaced,
    strangers,
    cookies,
    methods,
    // Without a check against CSRF there is nothing about them that is bad.
    ...(target.antiCsrf === 'NONE' ? [] : [crossSite]),
  ];
  return chance.pick(makers)(chance, material, target);
}

function tokenInItsPlace(chance: Chance, material: Material, target: Target): BadRequest {
  return chance.below(5) < 3
    ? guarded(chance, material, target)
    : refresh(chance, material, target);
}

function guarded(chance: Chance, material: Material, target: Target): BadRequest {
  const kind = chance.pick(Object.keys(badAccessTokens));
  const token = badAccessTokens[kind]?.(chance, material) ?? '';
  const [method, path] = chance.pick(GUARDED);
  return request(`access token: ${kind}`, method, path, [
    ...tokenLines(chance, target, ACCESS_COOKIE, token),
    ...proof(target, material.holder),
    ...someJunk(chance),
  ]);
}

function refresh(chance: Chance, material: Material, target: Target): BadRequest {
  const kind = chance.pick(Object.keys(badRefreshTokens));
  const token = badRefreshTokens[kind]?.(chance, material) ?? '';
  const body = chance.below(4) === 0 ? chance.pick(BODIES) : undefined;
  const path =
    chance.below(8) === 0
      ? chance.pick([
          `${REFRESH}/`,
          `/${REFRESH}`,
          `${REFRESH};x`,
          `${REFRESH}?rid=1`,
          '/auth/session/%72efresh',
          '/AUTH/session/refresh',
        ])
      : REFRESH;
  return request(
    `refresh token: ${kind}`,
    'POST',
    path,
    [
      ...tokenLines(chance, target, REFRESH_COOKIE, token),
      ...proof(target, material.holder),
      ...someJunk(chance),
    ],
    body,
  );
}

// Without proof of our own page, or a sign-out would rightly clear what the browser has.
function signOut(chance: Chance, material: Material, target: Target): BadRequest {
  const isAccess = chance.below(2) === 0;
  const makers = isAccess ? badAccessTokens : badRefreshTokens;
  const harmless = new Set(['a time', 'the refresh token', 'the access token']);
  const kind = chance.pick(Object.keys(makers).filter((name) => !harmless.has(name)));
  const token = makers[kind]?.(chance, material) ?? '';
  const name = isAccess ? ACCESS_COOKIE : REFRESH_COOKIE;
  return request(`sign-out: ${kind}`, 'POST', SIGN_OUT, tokenLines(chance, target, name, token));
}

function cookies(chance: Chance, material: Material, target: Target): BadRequest {
  const { holder, other } = material;
  const name = ACCESS_COOKIE;
  const token = holder.access;
  const many = (count: number, value: string) =>
    Array.from({ length: count }, () => value).join('; ');
  const makers: Readonly<Record<string, () => string>> = {
    twice: () => `${name}=${token}; ${name}=${other.access}`,
    'twice, many times': () => many(12, `${name}=${token}; ${name}=${other.access}`),
    'fifty times': () => many(50, `${name}=x`),
    'after a no-break space': () => `\u00a0${name}=${token}`,
    'after an en quad': () => `\u2000${name}=${token}`,
    'of 15 KiB': () => `${name}=${'x'.repeat(14_000)}`,
    'in another case': () => `${name.toUpperCase()}=${token}`,
    'in quotes': () => `${name}="${token}"`,
    'with $Version': () => `$Version=1; $${name}=${token}`,
    'without a name': () => `=${name}=${token}`,
    'without its prefix': () => `sAccessToken=${token}`,
    'with percent signs': () => `${name}=${token.replaceAll('.', '%2E')}`,
    'among hundreds, twice': () => `${many(300, 'a=b')}; ${name}=${token}; ${name}=${other.access}`,
    'as an object': () => `${name}=j:{"a":1}; ${name}="${token}"`,
  };
  const kind = chance.pick(Object.keys(makers));
  const [method, path] = chance.pick(GUARDED);
  const lines: Lines = [['Cookie', makers[kind]?.() ?? ''], ...proof(target, holder)];
  return request(`cookie ${kind}`, method, path, lines);
}

function misplaced(chance: Chance, material: Material, target: Target): BadRequest {
  const isAccess = chance.below(2) === 0;
  const placings = isAccess ? misplacedAccessTokens : misplacedRefreshTokens;
  const ways = Object.entries(placings).flatMap(([kind, place]) => {
    const lines = place(target, material);
    return lines === undefined ? [] : [{ kind, lines }];
  });
  const { kind, lines } = chance.pick(ways);
  const [method, path] = isAccess ? chance.pick(GUARDED) : (['POST', REFRESH] as const);
  const name = `${isAccess ? 'access' : 'refresh'} token ${kind}`;
  const bad = request(name, method, path, [...lines, ...proof(target, material.holder)]);
  // Of two that are authentic the one whose session lives would count.
  return kind === TWO_SESSIONS ? { ...bad, rowsRead: 2 } : bad;
}

/** Values that no key of ours has made, as many as there may be, in each spelling: they are nobody's. */
function strangers(chance: Chance, { holder }: Material, target: Target): BadRequest {
  const isAccess = chance.below(2) === 0;
  const name = isAccess ? ACCESS_COOKIE : REFRESH_COOKIE;
  const token = isAccess ? holder.access : holder.refresh;
  const foreign = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
  const values = ['', 'x', foreign, '%00', '"', `${token.slice(0, -6)}AAAAAA`, token.slice(1)];
  const shown = Array.from({ length: 1 + chance.below(12) }, () => chance.pick(values));
  const scheme = chance.pick(['Bearer', 'bearer', 'BEARER', 'bEaReR']);
  const separator = chance.pick(['; ', ';', ' ; ', ';;']);
  const cookie = shown.map((value) => `${name}=${value}`).join(separator);
  const header: Lines = [['Authorization', `${scheme} ${chance.pick(values)}`]];
  const lines: Lines = [['Cookie', cookie], ...(chance.below(2) === 0 ? header : [])];
  const [method, path] = isAccess ? chance.pick(GUARDED) : (['POST', REFRESH] as const);
  return request('values of nobody', method, path, [...lines, ...proof(target, holder)]);
}

function large(chance: Chance, { holder }: Material): BadRequest {
  const size = chance.below(16) === 0 ? LARGEST : chance.pick(SIZES);
  const filled = 'A'.repeat(size);
  const name = chance.pick([ACCESS_COOKIE, REFRESH_COOKIE]);
  const makers: Readonly<Record<string, () => readonly [Lines, Body?]>> = {
    header: () => [[['Authorization', `Bearer ${holder.access}${filled}`]]],
    cookie: () => [[['Cookie', `${name}=${filled}`]]],
    'number of cookies': () => [[['Cookie', 'a=b; '.repeat(Math.ceil(size / 5))]]],
    'JSON body': () => [[], ['application/json', `{"a":"${filled}"}`]],
    'deep body': () => [[], ['application/json', '['.repeat(size)]],
    form: () => [[], ['application/x-www-form-urlencoded', `a[b]=${filled}`]],
    text: () => [[], ['text/plain', filled]],
  };
  const kind = chance.pick(Object.keys(makers));
  const [lines, body] = makers[kind]?.() ?? [[]];
  const path = chance.pick([REFRESH, SIGN_OUT, '/act']);
  return { ...request(`large ${kind} of ${size}`, 'POST', path, lines, body), mayBeCut: true };
}

function methods(chance: Chance, { holder }: Material, target: Target): BadRequest {
  const method = chance.pick([
    'GET',
    'HEAD',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'PROPFIND',
    'SEARCH',
    'LOCK',
  ]);
  const path = chance.pick([REFRESH, SIGN_OUT]) + chance.pick(['', '?_method=POST']);
  const lines = [...goodLines(target, holder), ...someJunk(chance)];
  return request(`method ${method}`, method, path, lines);
}

function crossSite(chance: Chance, material: Material, target: Target): BadRequest {
  const { holder } = material;
  const withCookies: Lines = [
    ['Cookie', `${ACCESS_COOKIE}=${holder.access}; ${REFRESH_COOKIE}=${holder.refresh}`],
  ];
  const path = chance.pick([
    REFRESH,
    ...(target.transfer === 'header' ? [] : [SIGN_OUT, '/act', '/auth/sessions']),
  ]);
  const method = path === '/auth/sessions' ? 'DELETE' : 'POST';
  const wrong: Readonly<Record<Target['antiCsrf'], Lines>> = {
    NONE: [],
    VIA_FETCH_METADATA: chance.pick(EVIL),
    VIA_CUSTOM_HEADER: chance.pick(EVIL),
    VIA_TOKEN: [...chance.pick(EVIL), ['anti-csrf', chance.pick(wrongAntiCsrfTokens(material))]],
  };
  const lines = [...withCookies, ...wrong[target.antiCsrf]];
  // A name that the page chooses is not the host that the browser has called.
  const authority = chance.below(8) === 0 ? 'https://evil.example' : '';
  return request(
    `cross-site ${target.antiCsrf}`,
    method,
    authority + path,
    lines,
    chance.pick(BODIES.slice(0, 3)),
  );
}

function wrongAntiCsrfTokens({ holder, other }: Material): readonly string[] {
  const right = holder.antiCsrf ?? '';
  const sizes = [255, 256, 257].map((size) => 'x'.repeat(size));
  const near = [`${right}, ${right}`, right.slice(1), `${right}=`, right.toLowerCase()];
  return ['', 'x', other.antiCsrf ?? '', 'é'.repeat(43), ...sizes, ...near];
}

function tokenLines(chance: Chance, { transfer }: Target, name: string, token: string): Lines {
  const header = ['Authorization', `Bearer ${token}`] as const;
  const cookie = ['Cookie', `${name}=${token}`] as const;
  const ways: Readonly<Record<Target['transfer'], readonly Lines[]>> = {
    header: [[header]],
    cookie: [[cookie]],
    any: [[header], [cookie], [cookie], [header, cookie]],
  };
  return chance.pick(ways[transfer]);
}

function someJunk(chance: Chance): Lines {
  return chance.below(3) === 0 ? [chance.pick(JUNK)] : [];
}
