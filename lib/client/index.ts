/** A page's settings for its API, apart from the address. @publicApi */
export interface SessionFetchOptions {
  /** Where the module's routes are: its `apiBasePath` with any prefix. @default '/auth' */
  basePath?: string;
  /**
   * Headers for each request to the API, such as `{ rid: 'app' }` if `antiCsrf` is `VIA_CUSTOM_HEADER`. `VIA_TOKEN` needs
   * SuperTokens' SDK, as its header changes with each refresh.
   *
   * @default none
   */
  headers?: Readonly<Record<string, string>>;
  /** The module's `sessionExpiredStatusCode`. @default 401 */
  expiredStatus?: number;
}

// The `front-token` of a refresh, by the answer that a page gets after it. The headers of an answer can't be changed.
const newsOfRefreshes = new WeakMap<object, string>();

/** Takes the arguments of `fetch`; a path that begins with `/` is a path of the API. @publicApi */
export type SessionFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` for a page whose session is in cookies. When the access token has expired, it refreshes once for all
 * waiting calls, and sends each call again. Requests to other origins are passed to `fetch` unchanged.
 *
 * It refreshes after an answer `try refresh token`, and after any 401 to a GET or HEAD. It leaves all other answers
 * alone, so a wrong password is not sent twice. If the refresh meets a limit or an outage (429, 5xx), the waiting calls
 * get its answer, with `Retry-After`.
 *
 * @param apiUrl the API's origin, such as `https://api.example.com`; `''` for the page's own
 * @example
 * ```js
 * const sessionFetch = createSessionFetch('https://api.example.com');
 * const orders = await sessionFetch('/orders');
 * ```
 * @publicApi
 */
export function createSessionFetch(
  apiUrl: string,
  { basePath = '/auth', headers = {}, expiredStatus = 401 }: SessionFetchOptions = {},
): SessionFetch {
  const address = apiUrl.replace(/\/+$/, '');
  const base = [address, ...basePath.split('/').filter(Boolean)].join('/');
  let refreshing: Promise<Response> | undefined;
  let latest: Response | undefined;

  function refresh(): Promise<Response> {
    const init = { method: 'POST', credentials: 'include', headers } as const;
    refreshing ??= fetch(`${base}/session/refresh`, init)
      .then((answer) => {
        if (answer.ok) latest = answer;
        return answer;
      })
      .finally(() => {
        refreshing = undefined;
      });
    return refreshing;
  }

  async function asksToRefresh(answer: Response, method: string): Promise<boolean> {
    if (answer.status !== expiredStatus) return false;
    if (method === 'GET' || method === 'HEAD') return true;
    return /try refresh token|TRY_REFRESH_TOKEN/.test(await answer.clone().text());
  }

  return async function sessionFetch(input, init) {
    const isPath = typeof input === 'string' && /^\/(?!\/)/.test(input);
    const request = new Request(isPath ? address + input : input, init);
    const api = new Request(`${address}/`);
    if (new URL(request.url).origin !== new URL(api.url).origin) return fetch(request);
    const own = new Request(request, { credentials: 'include' });
    for (const [name, value] of Object.entries(headers)) own.headers.set(name, value);
    const before = latest;
    const answer = await fetch(own.clone());
    if (!(await asksToRefresh(answer, own.method))) return answer;
    // Another call may have refreshed while this one was under way.
    const refreshed = latest === undefined || latest === before ? await refresh() : latest;
    // A limit or an outage ends no session. Several calls may wait, and each reads a body of its own.
    if (refreshed.status === 429 || refreshed.status >= 500) return refreshed.clone();
    const last = refreshed.ok ? await fetch(own) : answer;
    const news = refreshed.headers.get('front-token');
    if (news !== null) newsOfRefreshes.set(last, news);
    return last;
  };
}

/** The part of its session that a page may read. @publicApi */
export interface FrontToken {
  readonly userId: string;
  /** When the access token expires, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The claims of the access token, including the user's own. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * The news about the session in an answer, or in the refresh before it. It is the user after a login or a refresh,
 * `null` after the session's end, and `undefined` without a change. It is only for display; the API alone decides what the user may do.
 *
 * @publicApi
 */
export function frontTokenOf(answer: Pick<Response, 'headers'>): FrontToken | null | undefined {
  const text = answer.headers.get('front-token') ?? newsOfRefreshes.get(answer);
  if (text === undefined) return undefined;
  if (text === 'remove') return null;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const { uid, ate, up } = JSON.parse(new TextDecoder().decode(bytes)) as {
    uid: string;
    ate: number;
    up: Record<string, unknown>;
  };
  return { userId: uid, expiresAt: ate, claims: up };
}
