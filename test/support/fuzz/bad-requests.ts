import { ACCESS_COOKIE, HOST, REFRESH_COOKIE, type Holder } from '../scene.js';
import { badAccessTokens, badRefreshTokens, type Material } from './bad-tokens.js';
import type { Chance } from './chance.js';

/** One request that must be refused and leave everything as it is. */
export interface BadRequest {
  readonly kind: string;
  readonly method: string;
  readonly path: string;
  readonly bytes: Buffer;
}

/** How the application that is attacked takes its tokens. */
export interface Target {
  readonly transfer: 'any' | 'cookie' | 'header';
  readonly antiCsrf: 'VIA_FETCH_METADATA' | 'VIA_CUSTOM_HEADER' | 'VIA_TOKEN';
}

type Lines = readonly (readonly [string, string])[];

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
const REFRESH = '/auth/session/refresh';
const SIGN_OUT = '/auth/signout';
const JUNK: Lines = [
  ['X-HTTP-Method-Override', 'POST'],
  ['X-Forwarded-For', '127.0.0.1, ::1'],
  ['Forwarded', 'for=localhost;proto=https'],
  ['fdi-version', '9.9,__proto__'],
  ['st-auth-mode', 'header'],
  ['anti-csrf', 'x'],
  ['X-Original-URL', '/me'],
  ['Accept', '*/*;q=0.0001'],
];
const EVIL: readonly Lines[] = [
  [['Sec-Fetch-Site', 'cross-site']],
  [['Origin', 'https://evil.example']],
  [['Origin', 'null']],
  [['Origin', `https://${HOST}.evil.example`]],
  [['Origin', `https://evil.example/${HOST}`]],
  [
    ['Sec-Fetch-Site', 'cross-site'],
    ['Origin', `https://${HOST}`],
  ],
];
const BODIES: readonly (readonly [string, string])[] = [
  ['text/plain', 'rid=session'],
  ['application/x-www-form-urlencoded', 'userId=admin&sAccessToken=x'],
  ['multipart/form-data; boundary=x', '--x--'],
  ['application/json', '{"userId":"admin","tenantId":"b"}'],
  ['application/json', '{"__proto__":{"role":"admin"}}'],
  ['application/json', '{'],
  ['application/json', 'null'],
  ['', 'x'],
];

/** Makes the request that a chance stands for. */
export function badRequest(chance: Chance, material: Material, target: Target): BadRequest {
  const makers = [
    guarded,
    guarded,
    guarded,
    refresh,
    refresh,
    signOut,
    cookies,
    methods,
    crossSite,
  ];
  return chance.pick(makers)(chance, material, target);
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
    'the same twice': () => many(2, `${name}=${token}`),
    'fifty times': () => many(12, `${name}=${token}`),
    'beside an empty one': () => `${name}=; ${name}=${token}`,
    'after a no-break space': () => `\u00a0${name}=${token}`,
    'in another case': () => `${name.toUpperCase()}=${token}`,
    'in quotes': () => `${name}="${token}"`,
    'with $Version': () => `$Version=1; $${name}=${token}`,
    'without a name': () => `=${name}=${token}`,
    'without its prefix': () => `sAccessToken=${token}`,
    'with percent signs': () => `${name}=${token.replaceAll('.', '%2E')}`,
    'among hundreds, twice': () => `${many(300, 'a=b')}; ${name}=${token}; ${name}=x`,
    'as an object': () => `${name}=j:{"a":1}; ${name}=${token}`,
  };
  const kind = chance.pick(Object.keys(makers));
  const [method, path] = chance.pick(GUARDED);
  const lines: Lines = [['Cookie', makers[kind]?.() ?? ''], ...proof(target, holder)];
  return request(`cookie ${kind}`, method, path, lines);
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
  const { holder, other } = material;
  const withCookies: Lines = [
    ['Cookie', `${ACCESS_COOKIE}=${holder.access}; ${REFRESH_COOKIE}=${holder.refresh}`],
  ];
  const path = chance.pick([
    REFRESH,
    ...(target.transfer === 'header' ? [] : [SIGN_OUT, '/act', '/auth/sessions']),
  ]);
  const method = path === '/auth/sessions' ? 'DELETE' : 'POST';
  const wrong: Readonly<Record<Target['antiCsrf'], Lines>> = {
    VIA_FETCH_METADATA: chance.pick(EVIL),
    VIA_CUSTOM_HEADER: chance.pick(EVIL),
    VIA_TOKEN: [
      ...chance.pick(EVIL),
      ['anti-csrf', chance.pick(['', 'x', other.antiCsrf ?? '', 'é'.repeat(43), 'x'.repeat(257)])],
    ],
  };
  const lines = [...withCookies, ...wrong[target.antiCsrf]];
  return request(
    `cross-site ${target.antiCsrf}`,
    method,
    path,
    lines,
    chance.pick(BODIES.slice(0, 3)),
  );
}

function tokenLines(chance: Chance, { transfer }: Target, name: string, token: string): Lines {
  const isHeader = transfer === 'header' || (transfer === 'any' && chance.below(3) === 0);
  return [isHeader ? ['Authorization', `Bearer ${token}`] : ['Cookie', `${name}=${token}`]];
}

/** What lets a request of our own page pass the check against CSRF. */
function proof({ antiCsrf }: Target, { antiCsrf: token = '' }: Holder): Lines {
  if (antiCsrf === 'VIA_CUSTOM_HEADER') return [['rid', 'session']];
  return antiCsrf === 'VIA_TOKEN' ? [['anti-csrf', token]] : [];
}

/** A request with everything that an honest client sends. */
export function goodRequest(method: string, path: string, target: Target, holder: Holder): Buffer {
  return request('', method, path, goodLines(target, holder, path === REFRESH)).bytes;
}

function goodLines(target: Target, holder: Holder, isRefresh = false): Lines {
  const token = isRefresh ? holder.refresh : holder.access;
  const carried: Lines =
    target.transfer === 'header'
      ? [['Authorization', `Bearer ${token}`]]
      : [['Cookie', `${ACCESS_COOKIE}=${holder.access}; ${REFRESH_COOKIE}=${holder.refresh}`]];
  return [...carried, ...proof(target, holder)];
}

function someJunk(chance: Chance): Lines {
  return chance.below(3) === 0 ? [chance.pick(JUNK.slice(0, 5))] : [];
}

function request(
  kind: string,
  method: string,
  path: string,
  lines: Lines,
  body?: readonly [type: string, text: string],
): BadRequest {
  const all: Lines = [
    ['Host', HOST],
    ...lines,
    ...(body === undefined || body[0] === '' ? [] : [['Content-Type', body[0]] as const]),
    ['Content-Length', String(Buffer.byteLength(body?.[1] ?? ''))],
  ];
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const text = `${method} ${path} HTTP/1.1\r\n${head}\r\n${body?.[1] ?? ''}`;
  // Latin 1, as headers are; what lies beyond it is sent as UTF-8.
  const latin = Buffer.from(text, 'latin1');
  const isLatin = latin.toString('latin1') === text;
  return { kind, method, path, bytes: isLatin ? latin : Buffer.from(text) };
}
