import { isLoopbackHost } from '../options/loopback-host.js';

/** A cookie as a browser keeps it. */
export interface KeptCookie {
  readonly name: string;
  readonly value: string;
  /** The attributes, without the lifetime, that show if a session is bound to this cookie. */
  readonly attributes: ReadonlyMap<string, string>;
  /** `undefined`: the cookie ends with the window. */
  readonly expiresAtMs: number | undefined;
}

const LIFETIME = new Set(['max-age', 'expires']);

/** The cookies of one host, as a browser keeps and sends them (RFC 6265bis). */
export class BrowserCookies {
  private cookies: readonly KeptCookie[] = [];

  /** @param origin under which the browser calls the host */
  constructor(
    private readonly now: () => number,
    private readonly origin: string,
  ) {}

  /** Keeps the cookies of an answer, but those that a browser drops. */
  take(lines: readonly string[], requestPath: string): void {
    for (const line of lines) {
      const cookie = readCookie(line, requestPath, this.now());
      if (cookie === undefined || !isAllowed(cookie, new URL(this.origin))) continue;
      const others = this.cookies.filter((each) => !isSame(each, cookie));
      const isOver = cookie.expiresAtMs !== undefined && cookie.expiresAtMs <= this.now();
      this.cookies = isOver ? others : [...others, cookie];
    }
  }

  /**
   * The cookies of a request.
   *
   * @param isCrossSite whether another site's page caused it
   * @param isNavigation whether Lax cookies are sent nevertheless
   */
  sentTo(path: string, isCrossSite = false, isNavigation = false): readonly KeptCookie[] {
    return this.alive().filter(({ attributes }) => {
      const sameSite = attributes.get('samesite') ?? 'lax';
      const isLet = !isCrossSite || sameSite === 'none' || (sameSite === 'lax' && isNavigation);
      return isLet && isUnder(path, attributes.get('path') ?? '/');
    });
  }

  /** The cookie of this name and these attributes, regardless of its value and lifetime. */
  find(name: string, attributes: string): KeptCookie | undefined {
    const wanted = readCookie(`${name}=; ${attributes}`, '/', this.now());
    return wanted && this.alive().find((each) => isSame(each, wanted) && isAlike(each, wanted));
  }

  /** The value of a cookie. */
  value(name: string): string | undefined {
    return this.alive().find((each) => each.name === name)?.value;
  }

  /** Removes a cookie, as the user may. */
  remove(name: string): void {
    this.cookies = this.cookies.filter((each) => each.name !== name);
  }

  /** Removes the cookies that end with the window. */
  endWindow(): void {
    this.cookies = this.cookies.filter(({ expiresAtMs }) => expiresAtMs !== undefined);
  }

  /** Copies all of them, as a thief does. */
  copyInto(other: BrowserCookies): void {
    other.cookies = this.alive();
  }

  private alive(): readonly KeptCookie[] {
    const nowMs = this.now();
    return this.cookies.filter(({ expiresAtMs = Infinity }) => expiresAtMs > nowMs);
  }
}

function readCookie(line: string, requestPath: string, nowMs: number): KeptCookie | undefined {
  const [pair = '', ...rest] = line.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, equals).trim();
  const all = new Map(rest.map(readAttribute).filter(([each]) => each !== ''));
  if (!all.get('path')?.startsWith('/')) all.set('path', defaultPath(requestPath));
  const isHostOnly = all.get('path') === '/' && !all.has('domain');
  if (name.startsWith('__') && !all.has('secure')) return undefined;
  if (name.startsWith('__Host-') && !isHostOnly) return undefined;
  return {
    name,
    value: pair.slice(equals + 1).trim(),
    attributes: new Map([...all].filter(([each]) => !LIFETIME.has(each))),
    expiresAtMs: expiryOf(all, nowMs),
  };
}

// RFC 6265bis §5.7: browsers take plain http to the machine itself for secure.
function isAllowed({ attributes }: KeptCookie, { protocol, hostname }: URL): boolean {
  const isSecure = protocol === 'https:' || isLoopbackHost(hostname);
  const domain = attributes.get('domain')?.replace(/^\./, '') ?? '';
  const isOwn = domain === '' || domain === hostname || hostname.endsWith(`.${domain}`);
  return isOwn && (isSecure || !attributes.has('secure'));
}

// Only paths tell capitals apart.
function readAttribute(part: string): [name: string, value: string] {
  const [name = '', ...values] = part.split('=');
  const attribute = name.trim().toLowerCase();
  const value = values.join('=').trim();
  return [attribute, attribute === 'path' ? value : value.toLowerCase()];
}

// RFC 6265 §5.2: what can't be read is as if it were not there.
function expiryOf(attributes: ReadonlyMap<string, string>, nowMs: number): number | undefined {
  const maxAge = attributes.get('max-age') ?? '';
  if (/^-?\d+$/.test(maxAge)) return nowMs + Number(maxAge) * 1000;
  const atMs = Date.parse(attributes.get('expires') ?? '');
  return Number.isNaN(atMs) ? undefined : atMs;
}

function isSame(one: KeptCookie, other: KeptCookie): boolean {
  return (
    one.name === other.name &&
    ['path', 'domain'].every((each) => one.attributes.get(each) === other.attributes.get(each))
  );
}

function isAlike({ attributes }: KeptCookie, wanted: KeptCookie): boolean {
  return (
    attributes.size === wanted.attributes.size &&
    [...wanted.attributes].every(([name, value]) => attributes.get(name) === value)
  );
}

function defaultPath(requestPath: string): string {
  const end = requestPath.lastIndexOf('/');
  return end <= 0 ? '/' : requestPath.slice(0, end);
}

function isUnder(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
}
