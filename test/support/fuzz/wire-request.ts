import { ACCESS_COOKIE, HOST, REFRESH_COOKIE, type Holder } from '../scene.js';
import type { HangUp } from './raw-connection.js';

/** One request that must be refused and leave everything as it is. */
export interface BadRequest {
  readonly kind: string;
  readonly method: string;
  readonly path: string;
  /** `HTTP/1.1` where it is not said. */
  readonly version?: string;
  /** In place of the application's host. */
  readonly host?: Lines;
  /** What can be left out to find the smallest request that is still wrong. */
  readonly lines: Lines;
  readonly body: Body | undefined;
  /** Whether the server may close the connection in place of an answer. */
  readonly mayBeCut: boolean;
  /** How many sessions' rows it may cost a read of; none where it is not said. */
  readonly rowsRead?: number;
  /** Where its client does not wait for an answer. */
  readonly abandoned?: Abandonment;
  /** What is sent before and after it at once, over the same connection. */
  readonly company?: Company;
}

/** How the application that is attacked takes its tokens. */
export interface Target {
  readonly transfer: 'any' | 'cookie' | 'header';
  readonly antiCsrf: 'VIA_FETCH_METADATA' | 'VIA_CUSTOM_HEADER' | 'VIA_TOKEN' | 'NONE';
}

export type Lines = readonly (readonly [string, string])[];
/** A body with its type; its length is added, unless its lines say how it comes. */
export type Body = readonly [type: string, text: string, lines?: Lines];

/** When a client goes away. */
export interface Abandonment extends HangUp {
  /** How many bytes it has sent by then. */
  readonly after: number;
  /** Whether it stays until a handler is at work for it. */
  readonly waitsForHandler: boolean;
}

/** A request that is answered. */
export interface GoodRequest {
  readonly of: 'victim' | 'bystander';
  readonly method: string;
  readonly path: string;
}

export interface Company {
  readonly before: readonly (BadRequest | GoodRequest)[];
  readonly after: readonly (BadRequest | GoodRequest)[];
}

export const REFRESH = '/auth/session/refresh';
export const SIGN_OUT = '/auth/signout';

export function request(
  kind: string,
  method: string,
  path: string,
  lines: Lines,
  body?: Body,
): BadRequest {
  return { kind, method, path, lines, body, mayBeCut: false };
}

/** What lets a request of our own page pass the check against CSRF. */
export function proof({ antiCsrf }: Target, { antiCsrf: token = '' }: Holder): Lines {
  if (antiCsrf === 'VIA_CUSTOM_HEADER') return [['rid', 'session']];
  return antiCsrf === 'VIA_TOKEN' ? [['anti-csrf', token]] : [];
}

/** A request with everything that an honest client sends. */
export function goodRequest(
  { method, path }: Pick<BadRequest, 'method' | 'path'>,
  target: Target,
  holder: Holder,
  transfer: 'cookie' | 'header' = target.transfer === 'header' ? 'header' : 'cookie',
): Buffer {
  const lines = goodLines({ ...target, transfer }, holder, path === REFRESH);
  return bytesOf(request('', method, path, lines));
}

/** The tokens of an honest client, and what proves that no other site has sent them. */
export function goodLines(target: Target, holder: Holder, isRefresh = false): Lines {
  const token = isRefresh ? holder.refresh : holder.access;
  const carried: Lines =
    target.transfer === 'header'
      ? [['Authorization', `Bearer ${token}`]]
      : [['Cookie', `${ACCESS_COOKIE}=${holder.access}; ${REFRESH_COOKIE}=${holder.refresh}`]];
  return [...carried, ...proof(target, holder)];
}

/** A request as it goes over the wire. */
export function bytesOf(bad: BadRequest): Buffer {
  const { method, path, version = 'HTTP/1.1', host = [['Host', HOST]], lines, body } = bad;
  const [type = '', content = '', framing] = body ?? [];
  const isFramed = framing?.some(([name]) => name !== 'Content-Encoding') === true;
  const all: Lines = [
    ...host,
    ...lines,
    ...(type === '' ? [] : [['Content-Type', type] as const]),
    ...(framing ?? []),
    ...(isFramed ? [] : [['Content-Length', String(latinOrUtf8(content).length)] as const]),
  ];
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([
    latinOrUtf8(`${method} ${path} ${version}\r\n${head}\r\n`),
    latinOrUtf8(content),
  ]);
}

// Latin 1, as headers are; what lies beyond it is sent as UTF-8.
function latinOrUtf8(text: string): Buffer {
  const latin = Buffer.from(text, 'latin1');
  return latin.toString('latin1') === text ? latin : Buffer.from(text);
}
