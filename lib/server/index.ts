import { claimsOf, hasAntiCsrfToken } from './access-token.js';
import { API_CALL, askApi, failure, type ReadAnswer } from './api-answers.js';
import { addTo, CookieJar } from './cookie-jar.js';
import { PublishedKeys } from './published-keys.js';
import { copyOf, headerOf, isForeign, isPlainLoopback } from './request-headers.js';
import { LIMIT_MS, within } from './time-limit.js';
import type {
  PageSessionsOptions,
  VisitorRequest,
  Visitor,
  NodeResponse,
  PageSessions,
} from './visitor.js';

export type * from './visitor.js';

// Tells the API that the browser has not got these tokens yet: their use proves no arrival.
const UNSEEN = 'unseen-session';

/**
 * Sessions for a server that makes pages (Next, Remix, SvelteKit, Express) and passes its visitors' cookies on to the
 * API. Create it once, and `handle` each request in a middleware, which can set cookies. With
 * `antiCsrf: 'VIA_TOKEN'`, whose token only the page has, it can't refresh: give `handle` `{ refresh: false }`.
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
  cookiePrefixes: prefixes = ['__Host-'],
  trustedOrigins: trusted = [],
  now = Date.now,
}: PageSessionsOptions): PageSessions {
  const api = apiUrl.replace(/\/+$/, '');
  const base = [api, ...basePath.split('/').filter(Boolean)].join('/');
  const refreshing = new Map<string, { readonly askedAt: number; readonly answer: ReadAnswer }>();
  const visitors = new WeakMap<VisitorRequest, Promise<Visitor>>();
  // In production, a proxy in front of a public site can look exactly like a loopback host.
  const mayBePlain = typeof process !== 'undefined' && process.env['NODE_ENV'] !== 'production';
  const keys = new PublishedKeys(`${base}/jwt/jwks.json`, now);

  // The renders of one page come at once, with one token, so they share an answer.
  function refreshed(token: string, headers: Headers): ReadAnswer {
    for (const [asked, { askedAt }] of refreshing) {
      if (Math.abs(now() - askedAt) >= LIMIT_MS) refreshing.delete(asked);
    }
    const shared = refreshing.get(token) ?? {
      askedAt: now(),
      answer: askApi(`${base}/session/refresh`, { method: 'POST', headers }),
    };
    refreshing.set(token, shared);
    const answer = shared.answer.finally(() => {
      if (refreshing.get(token) === shared) refreshing.delete(token);
    });
    return within(LIMIT_MS, answer);
  }

  async function find(request: VisitorRequest, mayRefresh: boolean): Promise<Visitor> {
    // Another origin's form is sent with its visitor's cookies, but must not act for them.
    const cookies = isForeign(request, trusted) ? '' : headerOf(request, 'cookie');
    const isPlain = mayBePlain && isPlainLoopback(request);
    const jar = new CookieJar(cookies, isPlain ? [...prefixes, ''] : prefixes);
    const shown = jar.find(names.accessToken);
    // The refresh token that the browser holds, or what a refresh with it has brought.
    let heir = jar.find(names.refreshToken);

    function headersWith(init?: RequestInit): Headers {
      const headers = new Headers(init?.headers);
      for (const name of ['user-agent', 'x-forwarded-for', 'accept-language', UNSEEN]) {
        const value = headerOf(request, name);
        if (value !== '' && !headers.has(name)) headers.set(name, value);
      }
      headers.set('rid', 'session');
      return withCookies(headers);
    }

    function withCookies(headers: Headers): Headers {
      if (jar.text !== '') headers.set('cookie', jar.text);
      if (jar.find(names.accessToken) !== shown) headers.set(UNSEEN, '1');
      return headers;
    }

    async function keep(answer: Response): Promise<Response> {
      if (jar.keep(answer)) claims = await findClaims();
      return answer;
    }

    async function refresh(): Promise<boolean> {
      const token = jar.find(names.refreshToken);
      if (token === undefined || !mayRefresh || headerOf(request, UNSEEN) !== '') return false;
      // With what the browser holds, each time: a newer token would count as arrived, and the browser's as stolen.
      const isHeir = token === heir;
      const headers = headersWith();
      if (isHeir) headers.set('cookie', cookies);
      const [answer, said] = await refreshed(token, headers);
      // After a link of another site, a browser proves no device. It does at a request of its own.
      if (/proof.missing|session.replaced/i.test(said)) return false;
      // A proxy without the API, or a limit, ends no session. Only the API gives or takes cookies, in whatever words.
      const isOurs =
        answer.status === 401 ||
        /unauthorised/i.test(said) ||
        answer.headers.get('set-cookie')?.includes(names.accessToken);
      if (!isOurs) throw failure(answer);
      const before = jar.find(names.accessToken);
      await keep(answer);
      if (isHeir) heir = jar.find(names.refreshToken);
      if (answer.ok) return true;
      // Of a session that is over, the API would have removed the cookies.
      if (jar.find(names.accessToken) === before && hasAntiCsrfToken(before)) {
        throw new Error('no page server can refresh with `antiCsrf` VIA_TOKEN');
      }
      return false;
    }

    const findClaims = () => claimsOf(jar.find(names.accessToken) ?? '', keys, now());

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
        return withCookies(copyOf(request.headers));
      },
      get setCookie() {
        return jar.lines;
      },
      async fetch(path, init) {
        // Only the API gets the visitor's cookies: without the slash, `@elsewhere` would become the host.
        if (!path.startsWith('/')) throw new TypeError('an API path must begin with a slash');
        const send = async () =>
          keep(await fetch(api + path, { ...API_CALL, ...init, headers: headersWith(init) }));
        const sent = jar.find(names.accessToken);
        const answer = await send();
        if (answer.ok || init?.body instanceof ReadableStream) return answer;
        const isAsked = /try.refresh.token/i.test(await answer.clone().text());
        // Another call may have refreshed meanwhile.
        return isAsked && (jar.find(names.accessToken) !== sent || (await refresh()))
          ? send()
          : answer;
      },
      answer: ((response: Response | NodeResponse) => {
        if ('getHeader' in response) return addTo(response, jar);
        const answer = new Response(response.body, response);
        for (const line of jar.lines) answer.headers.append('set-cookie', line);
        for (const [name, value] of jar.headers) answer.headers.set(name, value);
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
