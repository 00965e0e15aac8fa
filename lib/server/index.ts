import type {
  PageSessionsOptions,
  VisitorRequest,
  VisitorClaims,
  Visitor,
  NodeResponse,
  PageSessions,
} from './visitor.js';

export type * from './visitor.js';

/** A key that the API has published. */
type PublicKey = Readonly<Record<'kid' | 'kty', string>>;

// By default, Next.js shares the results of `fetch` between all users. Not every `fetch` knows the option.
const UNCACHED: object = { cache: 'no-store' };
const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const KEYS_ASKED_EVERY_MS = 10_000;
// A revoked key is forgotten after this time.
const KEYS_KEPT_MS = 300_000;
const REMOVAL = /;\s*(max-age=0\b|expires=thu, 01 jan 1970)/i;

/**
 * Sessions for a server that makes pages (Next, Remix, SvelteKit, Express) and passes its visitors' cookies on to the
 * API. Create it once, and `handle` each request in a middleware, which can set cookies.
 *
 * @example
 * ```ts
 * const sessions = createPageSessions({ apiUrl: 'http://127.0.0.1:3000' });
 * const visitor = await sessions.handle(request);
 * const orders = await visitor.fetch('/orders');
 * return visitor.answer(new Response(page(visitor.claims?.sub)));
 * ```
 * @publicApi
 */
export function createPageSessions({
  apiUrl,
  basePath = '/auth',
  cookieNames: names = { accessToken: 'sAccessToken', refreshToken: 'sRefreshToken' },
  trustedOrigins: trusted = [],
  now = Date.now,
}: PageSessionsOptions): PageSessions {
  const refreshing = new Map<string, Promise<Response>>();
  const visitors = new WeakMap<VisitorRequest, Promise<Visitor>>();
  let keys = new Map<unknown, PublicKey>();
  let keysAskedAt = -Infinity;

  async function keyOf(kid: unknown): Promise<PublicKey | undefined> {
    const age = now() - keysAskedAt;
    if (age >= (keys.has(kid) ? KEYS_KEPT_MS : KEYS_ASKED_EVERY_MS)) {
      keysAskedAt = now();
      const answer = await fetch(`${apiUrl}${basePath}/jwt/jwks.json`, UNCACHED);
      if (!answer.ok) throw failure(answer);
      const set = (await answer.json()) as { keys: PublicKey[] };
      keys = new Map(set.keys.map((key) => [key.kid, key]));
    }
    return keys.get(kid);
  }

  async function claimsOf(token: string): Promise<VisitorClaims | undefined> {
    const [head = '', body = '', signature = ''] = token.split('.');
    const { typ, kid } = parsed(head);
    const claims = parsed(body) as unknown as VisitorClaims;
    // The API's keys sign other tokens too. An expired token needs no check of its signature.
    if (typ !== 'at+jwt' || !(claims.exp * 1000 > now())) return undefined;
    const jwk = await keyOf(kid);
    if (jwk === undefined || !/^(?:[\w-]{4})*[\w-]{2,4}$/.test(signature)) return undefined;
    const algorithm = jwk.kty === 'RSA' ? RS256 : ES256;
    const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
    const signed = new TextEncoder().encode(`${head}.${body}`);
    const isOurs = await crypto.subtle.verify(algorithm, key, bytes(signature), signed);
    return isOurs ? claims : undefined;
  }

  // The renders of one page come at once, with one token, so they share an answer.
  async function refreshed(token: string, headers: Headers): Promise<Response> {
    const answer =
      refreshing.get(token) ??
      fetch(`${apiUrl}${basePath}/session/refresh`, { ...UNCACHED, method: 'POST', headers })
        // An unread answer holds its connection.
        .then((fresh) => fresh.text().then(() => fresh))
        .finally(() => refreshing.delete(token));
    refreshing.set(token, answer);
    return answer;
  }

  async function find(request: VisitorRequest, mayRefresh: boolean): Promise<Visitor> {
    // Another origin's form is sent with its visitor's cookies, but must not act for them.
    const jar = new CookieJar(isForeign(request, trusted) ? '' : headerOf(request, 'cookie'));
    function headersWith(init?: RequestInit): Headers {
      const headers = new Headers(init?.headers);
      for (const name of ['user-agent', 'x-forwarded-for', 'accept-language']) {
        const value = headerOf(request, name);
        if (value !== '' && !headers.has(name)) headers.set(name, value);
      }
      headers.set('rid', 'session');
      if (jar.text !== '') headers.set('cookie', jar.text);
      return headers;
    }

    async function keep(answer: Response): Promise<Response> {
      if (jar.keep(answer)) claims = await findClaims();
      return answer;
    }

    async function refresh(): Promise<boolean> {
      const token = jar.find(names.refreshToken);
      if (token === undefined || !mayRefresh) return false;
      const answer = await refreshed(token, headersWith());
      if (answer.status === 429 || answer.status >= 500) throw failure(answer);
      return (await keep(answer)).ok;
    }

    const findClaims = () => claimsOf(jar.find(names.accessToken) ?? '');

    let claims = await findClaims();
    if (claims === undefined) await refresh();
    return {
      get claims() {
        return claims;
      },
      get cookie() {
        return jar.text;
      },
      get headers() {
        const headers = copyOf(request.headers);
        if (jar.text !== '') headers.set('cookie', jar.text);
        return headers;
      },
      get setCookie() {
        return jar.lines;
      },
      async fetch(path, init) {
        // Only the API gets the visitor's cookies: without the slash, `@elsewhere` would become the host.
        if (!path.startsWith('/')) throw new TypeError('an API path must begin with a slash');
        const send = async () =>
          keep(await fetch(apiUrl + path, { ...UNCACHED, ...init, headers: headersWith(init) }));
        const answer = await send();
        if (answer.ok || init?.body instanceof ReadableStream) return answer;
        const said = await answer.clone().text();
        const isAsked = /try refresh token|TRY_REFRESH_TOKEN/.test(said);
        return isAsked && (await refresh()) ? send() : answer;
      },
      answer: ((response: Response | NodeResponse) => {
        if ('getHeader' in response) return addTo(response, jar.lines);
        const answer = new Response(response.body, response);
        for (const line of jar.lines) answer.headers.append('set-cookie', line);
        if (jar.lines.length > 0) answer.headers.set('cache-control', 'no-store');
        return answer;
      }) as Visitor['answer'],
    };
  }

  return {
    handle(request, { refresh = true } = {}) {
      const visitor = visitors.get(request) ?? find(request, refresh);
      visitors.set(request, visitor);
      // After an outage the request is handled anew.
      visitor.catch(() => visitors.get(request) === visitor && visitors.delete(request));
      return visitor;
    },
  };
}

function addTo(response: NodeResponse, lines: readonly string[]): void {
  if (lines.length === 0) return;
  const before = [response.getHeader('set-cookie') ?? []].flat().map(String);
  response.setHeader('set-cookie', lastOfEach([...before, ...lines]));
  response.setHeader('cache-control', 'no-store');
}

class CookieJar {
  private cookies: string[];
  /** The `Set-Cookie` lines so far. */
  lines: readonly string[] = [];

  constructor(header: string) {
    this.cookies = header.split(/;\s*/).filter(Boolean);
  }

  get text(): string {
    return this.cookies.join('; ');
  }

  /** Several cookies of one name count as no token, because only the API can decide which one is meant. */
  find(name: string): string | undefined {
    for (const start of ['__Host-', '__Secure-', ''].map((prefix) => `${prefix}${name}=`)) {
      const found = this.cookies.filter((each) => each.startsWith(start));
      if (found.length > 0) return found.map((each) => each.slice(start.length)).join();
    }
    return undefined;
  }

  /** @returns whether the answer set any */
  keep(answer: Response): boolean {
    const lines = lastOfEach(answer.headers.getSetCookie());
    const starts = lines.map((line) => line.slice(0, line.indexOf('=') + 1));
    const others = this.cookies.filter((each) => !starts.some((start) => each.startsWith(start)));
    // Beside a new cookie, the API removes others of its name, such as those of an older domain.
    const given = lines.filter((line) => !REMOVAL.test(line));
    this.cookies = [...others, ...given.flatMap((line) => line.split(';', 1))];
    this.lines = lastOfEach([...this.lines, ...lines]);
    return lines.length > 0;
  }
}

// The same name with another Domain or Path is another cookie (RFC 6265 §5.3).
const identity = (line: string) => line.match(/^[^=]*|;\s*(domain|path)=[^;]*/gi)?.join();

// Of one cookie the last line counts, whatever an earlier answer or call has added.
function lastOfEach(lines: string[]): string[] {
  const last = [...new Map(lines.map((line) => [identity(line), line])).values()];
  // Frameworks that keep one line for each name take the last, so what is given follows what is removed.
  return last.sort((a, b) => Number(REMOVAL.test(b)) - Number(REMOVAL.test(a)));
}

const failure = ({ status }: Response) => new Error(`the API of the sessions answered ${status}`);

function isForeign(request: VisitorRequest, trusted: readonly string[]): boolean {
  const origin = headerOf(request, 'origin');
  if (/^(GET|HEAD)$/i.test(request.method ?? 'GET') || trusted.includes(origin)) return false;
  const site = headerOf(request, 'sec-fetch-site');
  if (site !== '' || origin === '') return !/^(same-origin|none|)$/.test(site);
  // Older browsers name the origin alone. Anyone on the network path can forge a plain http page.
  const { ':authority': ofHttp2 = '' } = request.headers as Record<string, string | undefined>;
  const host = (headerOf(request, 'host') || ofHttp2).replace(/:(80|443)$/, '');
  const isSecure = /__(Host|Secure)-/.test(headerOf(request, 'cookie'));
  return origin !== `https://${host}` && (isSecure || origin !== `http://${host}`);
}

function headerOf({ headers }: VisitorRequest, name: string): string {
  const value = isStandard(headers) ? headers.get(name) : headers[name];
  return value?.toString() ?? '';
}

function isStandard(headers: VisitorRequest['headers']): headers is Pick<Headers, 'get'> {
  return typeof headers.get === 'function';
}

// HTTP/2 has names with a colon, which are no headers here.
function copyOf(given: VisitorRequest['headers']): Headers {
  const all = isStandard(given) ? [...(given as Headers)] : Object.entries(given);
  const lines = all.filter(([name, value]) => !/^:|^cookie$/i.test(name) && value !== undefined);
  return new Headers(lines.map(([name, value]) => [name, String(value)]));
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes(text)))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
