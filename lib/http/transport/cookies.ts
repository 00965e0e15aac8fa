import { stringifySetCookie, type SetCookie } from 'cookie';
import type { ResolvedCookie, ResolvedCookieOptions } from '../../options/cookie-options.js';
import { headerOf, pathOf, type HttpRequest } from '../context/http-request.js';
import type { HttpResponse } from '../context/http-response.js';
import { cookieValues, type CookieValues } from './cookie-values.js';
import { isPlainLoopback, isShownPlainLoopback } from './loopback.js';
import { putCookie } from './put-cookie.js';

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

/** The only attributes of a cookie with the prefix `__Host-`. */
const HOST_SCOPE: Scope = { secure: true, path: '/', domain: undefined };
const EXPIRED: Lifetime = { maxAge: 0, expires: new Date(0) };

/** The values of a request under several names, of which it has any. */
type NamedValues = readonly (readonly [string, CookieValues])[];

/** One of the two cookies, for one request: its name and attributes depend on whether the request allows Secure. */
export class SessionCookie {
  constructor(
    private readonly cookie: ResolvedCookie,
    private readonly options: ResolvedCookieOptions,
  ) {}

  /** The request's values under the first name that has any. */
  valuesIn(request: HttpRequest): CookieValues {
    const prefixed = cookieValues(request, this.cookie.secureName);
    return prefixed.length > 0 ? prefixed : (this.valuesByName(request)[0]?.[1] ?? []);
  }

  /** The values under each name that counts for this request, the one that the options give it first. */
  valuesByName(request: HttpRequest): NamedValues {
    return namedValues(request, this.countedNames(request));
  }

  /** The values under names that count no more: a sibling host could have set each of them. */
  uncountedValues(request: HttpRequest): NamedValues {
    const counted = this.countedNames(request);
    return namedValues(
      request,
      this.cookie.weakerNames.filter((name) => !counted.has(name)),
    );
  }

  private countedNames(request: HttpRequest): ReadonlySet<string> {
    const { name, secureName, olderSecureName, strongerNames } = this.cookie;
    const names = new Set([secureName]);
    if (this.options.olderDomain !== undefined) names.add(olderSecureName);
    // Other options have left them, and nobody could set them who can't set ours.
    for (const stronger of strongerNames) names.add(stronger);
    // The plain name counts only on plain loopback: elsewhere anyone on the network path could have set it.
    if (this.options.secure === 'auto' && isPlainLoopback(request)) names.add(name);
    return names;
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

  /** The name and the attributes that `set` gives a Secure cookie, without its lifetime; `undefined` if it is not. */
  secureDescriptionFor(request: HttpRequest): { name: string; attributes: string } | undefined {
    if (!this.isSecureFor(request)) return undefined;
    const { secureName: name, path } = this.cookie;
    const line = this.lineOf(name, '', { secure: true, path, domain: this.options.domain }, {});
    return { name, attributes: line.slice(line.indexOf(';') + 1).trim() };
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
    const { domain, olderDomain, partitioned } = this.options;
    const isSecure = this.isSecureFor(request);
    const { name, secureName, olderSecureName, path } = this.cookie;
    const written = isSecure ? secureName : name;
    const scope = { secure: isSecure, path, domain };
    // First, since a browser that does not know `Partitioned` has one cookie for both lines.
    if (partitioned && cookieValues(request, written).length > 0) {
      this.expire(response, written, scope);
    }
    this.put(response, written, value, scope, lifetime);
    if (olderDomain !== undefined) {
      const older = { ...scope, domain: olderDomain };
      this.expire(response, isSecure ? olderSecureName : name, older);
    }
    if (isSecure) this.removePlainTwin(request, response, lifetime);
    for (const [stronger] of namedValues(request, this.cookie.strongerNames)) {
      this.remove(request, response, stronger);
    }
    this.removeStrays(request, response, written, isSecure);
  }

  // Browsers refuse SameSite=None and Partitioned without Secure, and accept Secure on loopback even over plain http. A
  // cookie with a prefixed name proves that the browser accepted Secure cookies here, whatever the host looks like.
  private isSecureFor(request: HttpRequest): boolean {
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
    for (const scope of this.scopesTo(request, secure)) {
      const isOwn = scope.path === this.cookie.path && scope.domain === domain;
      if (!isOwn) this.expire(response, name, scope);
    }
  }

  /** Removes a cookie that other options have left under another name, wherever they may have put it. */
  remove(request: HttpRequest, response: HttpResponse, name: string): void {
    const isHost = name.startsWith('__Host-');
    // Browsers ignore a line with such a name and other attributes (RFC 6265bis §4.1.3), also one that removes.
    const secure = name !== this.cookie.name || this.isSecureFor(request);
    const scopes = isHost ? [HOST_SCOPE] : this.scopesTo(request, secure);
    for (const scope of scopes) this.expire(response, name, scope);
  }

  private scopesTo(request: HttpRequest, secure: boolean): Scope[] {
    const { domain } = this.options;
    const domains = domain === undefined ? [undefined] : [domain, undefined];
    return cookiePathsTo(pathOf(request)).flatMap((path) =>
      domains.map((each) => ({ secure, path, domain: each })),
    );
  }

  /** Removes a cookie. One of before `partitioned` goes only by a line without that attribute. */
  private expire(response: HttpResponse, name: string, scope: Scope): void {
    if (this.options.partitioned) {
      putCookie(response, this.lineOf(name, '', scope, EXPIRED, false));
    }
    this.put(response, name, '', scope, EXPIRED);
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
    partitioned = this.options.partitioned,
  ): string {
    const { sameSite } = this.options;
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

function namedValues(request: HttpRequest, names: Iterable<string>): NamedValues {
  return [...names]
    .map((name) => [name, cookieValues(request, name)] as const)
    .filter(([, values]) => values.length > 0);
}

/** The paths of cookies that are sent to this path (RFC 6265 §5.1.4). */
function cookiePathsTo(path: string): string[] {
  const segments = path.split('/').filter(Boolean).slice(0, MAX_PATHS);
  const isSafe = segments.every((segment) => /^[\w.~%-]+$/.test(segment));
  if (!isSafe) return ['/'];
  return ['/', ...segments.map((_, index) => `/${segments.slice(0, index + 1).join('/')}`)];
}
