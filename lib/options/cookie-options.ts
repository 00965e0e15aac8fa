import type { SessionKind } from './kind.js';
import type { OptionReader } from './option-reader.js';

/** The attributes and names of the cookies. @publicApi */
export interface SessionCookieOptions {
  /** Path of the access token's cookie. @default '/' */
  path?: string;
  /** Path of the refresh token's cookie. Any path but `/` gives up the `__Host-` prefix. @default '/' */
  refreshPath?: string;
  /** `none` is for a frontend on another site. It needs `secure` and an anti-CSRF mode. @default 'lax' */
  sameSite?: 'strict' | 'lax' | 'none';
  /**
   * `'auto'`: Secure, except outside production if the browser shows that its page is plain http on a loopback host.
   *
   * @default 'auto'
   */
  secure?: boolean | 'auto';
  /**
   * `'auto'`: `__Host-` if Path is `/` and there is no Domain, else `__Secure-`; none if the cookie is not Secure.
   *
   * @default 'auto'
   */
  prefix?: 'auto' | '__Host-' | '__Secure-' | '';
  /**
   * Shares the cookies with subdomains. Each of these can then read and overwrite them.
   *
   * @default none: this host alone
   */
  domain?: string;
  /**
   * The previous `domain` after a change, `''` for none. Sessions continue with the cookies that remain from it; the
   * next refresh, login or sign-out removes them. Remove this option once `refreshTokenLifetime` has passed since the
   * change. @default none
   */
  olderDomain?: string;
  /** Names without their prefix. @default { accessToken: 'sAccessToken', refreshToken: 'sRefreshToken' } */
  names?: { accessToken?: string; refreshToken?: string };
  /** `Partitioned` (CHIPS), for a page inside another site's frame. @default false */
  partitioned?: boolean;
}

/** One of the cookies, in its Secure form and in its form for plain http on a loopback host. */
export interface ResolvedCookie {
  readonly name: string;
  readonly secureName: string;
  /** The `secureName` under `olderDomain`, whose prefix may have been another. */
  readonly olderSecureName: string;
  /** Names whose prefix protects better than that of `secureName`, as other options may have given it. */
  readonly strongerNames: readonly string[];
  /** Names whose prefix protects less. */
  readonly weakerNames: readonly string[];
  readonly path: string;
}

export interface ResolvedCookieOptions {
  readonly accessToken: ResolvedCookie;
  readonly refreshToken: ResolvedCookie;
  /** The cookie of a user who acts as somebody else, until they are themselves again. */
  readonly actorToken: ResolvedCookie;
  readonly sameSite: 'strict' | 'lax' | 'none';
  readonly secure: boolean | 'auto';
  readonly domain: string | undefined;
  /** `''` means the host alone. */
  readonly olderDomain: string | undefined;
  readonly partitioned: boolean;
}

// RFC 6265bis §4.1.3. The strongest is first: no sibling host can set such a cookie.
const PREFIXES = ['__Host-', '__Secure-', ''] as const;
type Prefix = (typeof PREFIXES)[number];

// RFC 6265 §4.1.1: a cookie's name is a token of RFC 9110 §5.6.2.
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
// RFC 6265 §4.1.1: any character but controls and ";". Browsers ignore a longer path (RFC 6265bis §5.6).
const COOKIE_PATH = /^\/[\x20-\x3a\x3c-\x7e]{0,1023}$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const IP_V4 = /^\d{1,3}(\.\d{1,3}){3}$/;

export function resolveCookieOptions(
  reader: OptionReader,
  allowInsecure: boolean,
  kind?: SessionKind,
): ResolvedCookieOptions {
  const sameSite = reader.oneOf('sameSite', ['strict', 'lax', 'none'], 'lax');
  const written = reader.oneOf<boolean | 'auto'>('secure', ['auto', true, false], 'auto');
  // In production a proxy can look exactly like a loopback host.
  const secure = written === 'auto' && !allowInsecure ? true : written;
  const prefix = reader.oneOf('prefix', ['auto', ...PREFIXES], 'auto');
  const path = reader.string('path', isCookiePath, PATHS_ALLOWED) ?? '/';
  const refreshPath = reader.string('refreshPath', isCookiePath, PATHS_ALLOWED) ?? '/';
  const domain = normaliseDomain(reader.string('domain', isCookieDomain, DOMAINS_ALLOWED));
  const olderDomain = readOlderDomain(reader, domain);
  const names = reader.nested('names');
  const prefixOfKind = kind === undefined ? '' : `${kind}-`;
  const accessName =
    names.string('accessToken', isCookieName, NAMES_ALLOWED) ?? `${prefixOfKind}sAccessToken`;
  const refreshName =
    names.string('refreshToken', isCookieName, NAMES_ALLOWED) ?? `${prefixOfKind}sRefreshToken`;
  const actorName = `${refreshName}-actor`;
  const partitioned = reader.boolean('partitioned', false);
  names.refuseUnknown();
  reader.refuseUnknown();

  if (accessName === refreshName) names.problem('refreshToken', 'is the same as `accessToken`');
  if (accessName === actorName) {
    names.problem('accessToken', "is the name of the actor's cookie: `refreshToken` and `-actor`");
  }
  if (secure === false && !allowInsecure) {
    reader.problem(
      'secure',
      'is false in production; allowed with `dangerouslyAllowInsecureCookies`',
    );
  }
  if (secure === false && (sameSite === 'none' || partitioned)) {
    reader.problem('secure', 'is false; browsers demand Secure for sameSite none and partitioned');
  }
  if (secure === false && prefix !== 'auto' && prefix !== '') {
    reader.problem('prefix', 'needs Secure cookies, and `secure` is false');
  }
  if (prefix === '__Host-' && (domain !== undefined || path !== '/' || refreshPath !== '/')) {
    reader.problem('prefix', '`__Host-` needs the path / for both cookies and no domain');
  }

  const prefixUnder = (itsDomain: string | undefined, cookiePath: string): Prefix => {
    if (secure === false) return '';
    const canBeHost = itsDomain === undefined && cookiePath === '/';
    if (prefix === 'auto') return canBeHost ? '__Host-' : '__Secure-';
    return prefix === '__Host-' && !canBeHost ? '__Secure-' : prefix;
  };
  const resolve = (name: string, cookiePath: string): ResolvedCookie => {
    const own = prefixUnder(domain, cookiePath);
    const allNames = PREFIXES.map((each) => each + name);
    return {
      name,
      secureName: own + name,
      olderSecureName: prefixUnder(olderDomain === '' ? undefined : olderDomain, cookiePath) + name,
      strongerNames: allNames.slice(0, PREFIXES.indexOf(own)),
      weakerNames: allNames.slice(PREFIXES.indexOf(own) + 1),
      path: cookiePath,
    };
  };
  return {
    accessToken: resolve(accessName, path),
    refreshToken: resolve(refreshName, refreshPath),
    actorToken: resolve(actorName, refreshPath),
    sameSite,
    secure,
    domain,
    olderDomain,
    partitioned,
  };
}

// Also `undefined` if it resolves to the same as `domain`, as two names of a developer's machine do.
function readOlderDomain(reader: OptionReader, domain: string | undefined): string | undefined {
  const written = reader.string('olderDomain', isCookieDomainOrNone, DOMAINS_ALLOWED);
  if (written === undefined) return undefined;
  if (written === (reader.value('domain') ?? '')) {
    reader.problem('olderDomain', 'is the same as `domain`, so it names no older cookie');
  }
  const olderDomain = normaliseDomain(written) ?? '';
  return olderDomain === (domain ?? '') ? undefined : olderDomain;
}

const PATHS_ALLOWED = 'a path that begins with /, of up to 1024 characters';
const DOMAINS_ALLOWED = 'a host name without scheme and port, such as example.com';
const NAMES_ALLOWED = 'up to 64 letters, digits and marks (RFC 6265 token), not beginning with __';

function isCookiePath(path: string): boolean {
  return COOKIE_PATH.test(path);
}

function isCookieName(name: string): boolean {
  return COOKIE_NAME.test(name) && !name.startsWith('__');
}

function isCookieDomain(domain: string): boolean {
  return HOST_NAME.test(domain.trim().toLowerCase().replace(/^\./, ''));
}

function isCookieDomainOrNone(domain: string): boolean {
  return domain === '' || isCookieDomain(domain);
}

// Browsers refuse Domain=localhost and Domain=<address>, so there the cookies belong to the host alone.
function normaliseDomain(domain: string | undefined): string | undefined {
  const host = domain?.trim().toLowerCase().replace(/^\./, '');
  return host === undefined || host === '' || host === 'localhost' || IP_V4.test(host)
    ? undefined
    : host;
}
