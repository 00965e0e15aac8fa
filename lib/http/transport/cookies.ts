import { stringifySetCookie, type SetCookie } from 'cookie';
import type { ResolvedCookie, ResolvedCookieOptions } from '../../options/resolved-options.js';
import { headerOf, type HttpRequest } from '../context/http-request.js';
import { headerValues, setHeader, type HttpResponse } from '../context/http-response.js';
import { isPlainLoopback } from './loopback.js';

// draft-ietf-httpbis-rfc6265bis §5.5: browsers keep a cookie for 400 days at most.
const LONGEST_MAX_AGE_SECONDS = 400 * 24 * 60 * 60;

interface Lifetime {
  readonly maxAge?: number;
  readonly expires?: Date;
}

const EXPIRED: Lifetime = { maxAge: 0, expires: new Date(0) };

/** The values that a request carries under one cookie name: none, one, or, where somebody planted another, several. */
export type CookieValues = readonly string[];

/**
 * Reads a cookie from the raw header. Parsers keep one of several cookies of the same name, by luck the attacker's, and
 * decode what was never encoded; here only spaces and tabs around a name or value are dropped (RFC 6265bis §5.6).
 */
export function cookieValues(request: HttpRequest, name: string): CookieValues {
  const header = headerOf(request, 'cookie') ?? '';
  const values: string[] = [];
  // By positions, as cutting every pair out took twice as long; each character is looked at once, whatever is sent.
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

// Not by a regular expression: one that looks for blanks at the end takes quadratic time over blanks in the middle.
function trim(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text[end - 1])) end -= 1;
  return text.slice(Math.min(skipBlanks(text, 0), end), end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** One of the two cookies, for one request: its name and attributes depend on whether it can be Secure there. */
export class SessionCookie {
  constructor(
    private readonly cookie: ResolvedCookie,
    private readonly options: ResolvedCookieOptions,
  ) {}

  /** The request's values under the name that proves most: a prefixed one before another. */
  valuesIn(request: HttpRequest): CookieValues {
    const prefixed = cookieValues(request, this.cookie.secureName);
    return prefixed.length > 0 ? prefixed : (this.valuesByName(request)[0] ?? []);
  }

  /** The values under each name that the cookie may have, and has in this request; the one that proves most first. */
  valuesByName(request: HttpRequest): readonly CookieValues[] {
    const { name, secureName, olderSecureName } = this.cookie;
    const names = new Set([secureName]);
    if (this.options.olderDomain !== undefined) names.add(olderSecureName);
    // The plain name counts on plain loopback alone: elsewhere anyone on the way could have set it.
    if (this.options.secure === 'auto' && isPlainLoopback(request)) names.add(name);
    return [...names]
      .map((each) => cookieValues(request, each))
      .filter((values) => values.length > 0);
  }

  /** @param expiresAtMs with the browser's end where it is `undefined` */
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

  clear(request: HttpRequest, response: HttpResponse): void {
    this.write(request, response, '', EXPIRED);
  }

  private write(
    request: HttpRequest,
    response: HttpResponse,
    value: string,
    lifetime: Lifetime,
  ): void {
    const { secure, sameSite, partitioned, domain, olderDomain } = this.options;
    // Browsers refuse SameSite=None and Partitioned without Secure, and take Secure on loopback also over plain http.
    const needsSecure = sameSite === 'none' || partitioned;
    const isSecure = secure === 'auto' ? needsSecure || !isPlainLoopback(request) : secure;
    const { name, secureName, olderSecureName } = this.cookie;
    if (!isSecure) this.removeSecureTwin(request, response);
    this.put(response, isSecure ? secureName : name, value, isSecure, domain, lifetime);
    if (olderDomain !== undefined) {
      const olderName = isSecure ? olderSecureName : name;
      this.put(response, olderName, '', isSecure, olderDomain, EXPIRED);
    }
  }

  // Left by https on the same loopback host, it would be sent along and be preferred for ever.
  private removeSecureTwin(request: HttpRequest, response: HttpResponse): void {
    const { name, secureName } = this.cookie;
    if (secureName === name || cookieValues(request, secureName).length === 0) return;
    this.put(response, secureName, '', true, this.options.domain, EXPIRED);
  }

  private put(
    response: HttpResponse,
    name: string,
    value: string,
    secure: boolean,
    domain: string | undefined,
    lifetime: Lifetime,
  ): void {
    const { sameSite, partitioned } = this.options;
    const cookie: SetCookie = {
      name,
      value,
      path: this.cookie.path,
      httpOnly: true,
      secure,
      sameSite,
      partitioned: partitioned && secure,
    };
    if (lifetime.maxAge !== undefined) cookie.maxAge = lifetime.maxAge;
    if (lifetime.expires !== undefined) cookie.expires = lifetime.expires;
    if (domain !== undefined && domain !== '') cookie.domain = domain;
    putCookie(response, stringifySetCookie(cookie, { encode: (plain) => plain }));
  }
}

// RFC 6265 §4.1.1: no two Set-Cookie for one cookie in a response. The last word counts, and others' cookies stay; one
// of the same name and another Domain is another cookie (§5.3).
function putCookie(response: HttpResponse, line: string): void {
  const cookie = nameAndDomain(line);
  const others = headerValues(response, 'set-cookie').filter((it) => nameAndDomain(it) !== cookie);
  setHeader(response, 'set-cookie', [...others, line]);
}

function nameAndDomain(line: string): string {
  const domain = /;\s*domain=\.?([^;]*)/i.exec(line)?.[1] ?? '';
  return `${line.slice(0, line.indexOf('='))};${domain.trim().toLowerCase()}`;
}
