import { stringifySetCookie, type SetCookie } from 'cookie';
import type { ResolvedCookie, ResolvedCookieOptions } from '../../options/cookie-options.js';
import { headerOf, pathOf, type HttpRequest } from '../context/http-request.js';
import { headerValues, setHeader, type HttpResponse } from '../context/http-response.js';
import { isPlainLoopback, isShownPlainLoopback } from './loopback.js';

// draft-ietf-httpbis-rfc6265bis §5.5: browsers keep a cookie for at most 400 days.
const LONGEST_MAX_AGE_SECONDS = 400 * 24 * 60 * 60;

interface Lifetime {
  readonly maxAge?: number;
  readonly expires?: Date;
}

/** The attributes that distinguish cookies with the same name (RFC 6265 §5.3), and whether it is Secure. */
interface Scope {
  readonly secure: boolean;
  readonly path: string;
  readonly domain: string | undefined;
}

const PREFIXED_COOKIE = /(^|;)[ \t]*__(Host|Secure)-/;
// The rest of a longer path is ignored, because an answer must not grow with the client's request.
const MAX_PATHS = 6;

const EXPIRED: Lifetime = { maxAge: 0, expires: new Date(0) };

/** The values of a request under one cookie name: none, one, or several if somebody planted another. */
export type CookieValues = readonly string[];

/**
 * Reads a cookie from the raw header. Parsers keep one of several cookies of the same name, perhaps the attacker's, and
 * decode text that was never encoded. This drops only spaces and tabs around a name or value (RFC 6265bis §5.6).
 */
export function cookieValues(request: HttpRequest, name: string): CookieValues {
  const header = headerOf(request, 'cookie') ?? '';
  const values: string[] = [];
  // By positions, because slicing every pair took twice as long. Each character is read once, whatever the client
  // sends.
  for (let start = 0, equals = -1; start < header.length;) {
    if (equals < start) equals = header.indexOf('=', start);
    if (equals === -1) break;
    const semicolon = header.indexOf(';', start);
    const end = semicolon === -1 ? header.length : semicolon;
    if (equals < end && isTrimmed(header, start, equals, name)) {
      values.push(trim(header.slice(equals + 1, end)));
    }
    start = end + 1;
  }
  return values;
}

function isTrimmed(text: string, start: number, end: number, expected: string): boolean {
  const from = skipBlanks(text, start);
  if (!text.startsWith(expected, from)) return false;
  return skipBlanks(text, from + expected.length) === end;
}

function skipBlanks(text: string, from: number): number {
  let position = from;
  while (isBlank(text[position])) position += 1;
  return position;
}

// Without a regular expression: one for trailing blanks takes quadratic time over blanks in the middle.
function trim(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text[end - 1])) end -= 1;
  return text.slice(Math.min(skipBlanks(text, 0), end), end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** One of the two cookies, for one request: its name and attributes depend on whether the request allows Secure. */
export class SessionCookie {
  constructor(
    private readonly cookie: ResolvedCookie,
    private readonly options: ResolvedCookieOptions,
  ) {}

  /** The request's values under the strongest name: a prefixed one comes first. */
  valuesIn(request: HttpRequest): CookieValues {
    const prefixed = cookieValues(request, this.cookie.secureName);
    return prefixed.length > 0 ? prefixed : (this.valuesByName(request)[0]?.[1] ?? []);
  }

  /** The values under each name that this request may use, the strongest name first. */
  valuesByName(request: HttpRequest): readonly (readonly [string, CookieValues])[] {
    const { name, secureName, olderSecureName } = this.cookie;
    const names = new Set([secureName]);
    if (this.options.olderDomain !== undefined) names.add(olderSecureName);
    // The plain name counts only on plain loopback: elsewhere anyone on the network path could have set it.
    if (this.options.secure === 'auto' && isPlainLoopback(request)) names.add(name);
    return [...names]
      .map((each) => [each, cookieValues(request, each)] as const)
      .filter(([, values]) => values.length > 0);
  }

  /** @param expiresAtMs `undefined`: with the end of the browser */
  set(
    request: HttpRequest,
    response: HttpResponse,
    value: string,
    expiresAtMs: number | undefined,
    nowMs: number,
  ): void {
    const seconds =
      expiresAtMs === undefined
        ? undefined
        : Math.min(LONGEST_MAX_AGE_SECONDS, Math.max(1, Math.round((expiresAtMs - nowMs) / 1000)));
    this.write(
      request,
      response,
      value,
      seconds === undefined ? {} : { maxAge: seconds, expires: new Date(nowMs + seconds * 1000) },
    );
  }

  /** The name and the attributes that `set` gives the cookie for a request, without its lifetime. */
  descriptionFor(request: HttpRequest): { name: string; attributes: string } {
    const { name, secureName, path } = this.cookie;
    const secure = this.isSecureFor(request);
    const written = secure ? secureName : name;
    const line = this.lineOf(written, '', { secure, path, domain: this.options.domain }, {});
    return { name: written, attributes: line.slice(line.indexOf(';') + 1).trim() };
  }

  clear(request: HttpRequest, response: HttpResponse): void {
    this.write(request, response, '', EXPIRED);
  }

  /** Removes the other cookies of the name, if the request shows several: all that could lead here but ours. */
  clearOtherPaths(request: HttpRequest, response: HttpResponse): void {
    const isSecure = this.isSecureFor(request);
    const { name, secureName } = this.cookie;
    this.removeStrays(request, response, isSecure ? secureName : name, isSecure);
  }

  private write(
    request: HttpRequest,
    response: HttpResponse,
    value: string,
    lifetime: Lifetime,
  ): void {
    const { domain, olderDomain } = this.options;
    const isSecure = this.isSecureFor(request);
    const { name, secureName, olderSecureName, path } = this.cookie;
    const written = isSecure ? secureName : name;
    this.put(response, written, value, { secure: isSecure, path, domain }, lifetime);
    if (olderDomain !== undefined) {
      const older = { secure: isSecure, path, domain: olderDomain };
      this.put(response, isSecure ? olderSecureName : name, '', older, EXPIRED);
    }
    if (isSecure) this.removePlainTwin(request, response, lifetime);
    this.removeStrays(request, response, written, isSecure);
  }

  // Browsers refuse SameSite=None and Partitioned without Secure, and accept Secure on loopback even over plain http. A
  // cookie with a prefixed name proves that the browser accepted Secure cookies here, whatever the host looks like.
  isSecureFor(request: HttpRequest): boolean {
    const { secure, sameSite, partitioned } = this.options;
    if (secure !== 'auto') return secure;
    if (sameSite === 'none' || partitioned || !isShownPlainLoopback(request)) return true;
    return PREFIXED_COOKIE.test(headerOf(request, 'cookie') ?? '');
  }

  // A cookie left by plain http on the same loopback host would count again once the Secure one is gone.
  private removePlainTwin(request: HttpRequest, response: HttpResponse, lifetime: Lifetime): void {
    const { name, secureName, path } = this.cookie;
    if (secureName === name || this.options.secure !== 'auto' || lifetime !== EXPIRED) return;
    if (!isPlainLoopback(request) || cookieValues(request, name).length === 0) return;
    const { domain } = this.options;
    this.put(response, name, '', { secure: false, path, domain }, EXPIRED);
  }

  // A second cookie of a name is sent only if its path matches this request's, so its possible paths are known.
  // Removing a cookie that does not exist has no effect.
  private removeStrays(
    request: HttpRequest,
    response: HttpResponse,
    name: string,
    secure: boolean,
  ): void {
    if (name.startsWith('__Host-') || new Set(cookieValues(request, name)).size < 2) return;
    const { domain } = this.options;
    for (const path of cookiePathsTo(pathOf(request))) {
      for (const scope of domain === undefined ? [undefined] : [domain, undefined]) {
        const isOwn = path === this.cookie.path && scope === domain;
        if (!isOwn) this.put(response, name, '', { secure, path, domain: scope }, EXPIRED);
      }
    }
  }

  private put(
    response: HttpResponse,
    name: string,
    value: string,
    scope: Scope,
    lifetime: Lifetime,
  ): void {
    putCookie(response, this.lineOf(name, value, scope, lifetime));
  }

  private lineOf(
    name: string,
    value: string,
    { secure, path, domain }: Scope,
    lifetime: Lifetime,
  ): string {
    const { sameSite, partitioned } = this.options;
    const cookie: SetCookie = {
      name,
      value,
      path,
      httpOnly: true,
      secure,
      sameSite,
      partitioned: partitioned && secure,
    };
    if (lifetime.maxAge !== undefined) cookie.maxAge = lifetime.maxAge;
    if (lifetime.expires !== undefined) cookie.expires = lifetime.expires;
    if (domain !== undefined && domain !== '') cookie.domain = domain;
    return stringifySetCookie(cookie, { encode: (plain) => plain });
  }
}

/** The paths of cookies that are sent to this path (RFC 6265 §5.1.4). */
function cookiePathsTo(path: string): string[] {
  const segments = path.split('/').filter(Boolean).slice(0, MAX_PATHS);
  const isSafe = segments.every((segment) => /^[\w.~%-]+$/.test(segment));
  if (!isSafe) return ['/'];
  return ['/', ...segments.map((_, index) => `/${segments.slice(0, index + 1).join('/')}`)];
}

// RFC 6265 §4.1.1: no two Set-Cookie headers for one cookie in a response. The last one counts, and other cookies stay.
// The same name with another Domain or Path is another cookie (§5.3).
function putCookie(response: HttpResponse, line: string): void {
  const cookie = identity(line);
  const others = headerValues(response, 'set-cookie').filter((it) => identity(it) !== cookie);
  setHeader(response, 'set-cookie', [...others, line]);
}

function identity(line: string): string {
  const domain = /;\s*domain=\.?([^;]*)/i.exec(line)?.[1] ?? '';
  const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? '';
  const name = line.slice(0, line.indexOf('='));
  return `${name};${domain.trim().toLowerCase()};${path.trim()}`;
}
