/** A page server's settings for its API. @publicApi */
export interface PageSessionsOptions {
  /** Where the page server reaches the API, such as `http://127.0.0.1:3000`. A redirect is not followed. */
  apiUrl: string;
  /** Where the module's routes are: its `apiBasePath` with any prefix. @default '/auth' */
  basePath?: string;
  /** The module's `cookie.names`. @default { accessToken: 'sAccessToken', refreshToken: 'sRefreshToken' } */
  cookieNames?: { readonly accessToken: string; readonly refreshToken: string };
  /**
   * The prefixes of the module's cookies, the strongest first. `['__Secure-']` is for a module with `cookie.domain`, and
   * `['']` for one with `cookie.prefix: ''` or `secure: false`. A sibling subdomain can set such cookies. Cookies must
   * have the path `/`: a browser sends no others to pages.
   * Outside production, a request to a plain http loopback host may show cookies without a prefix as well.
   *
   * @default ['__Host-']
   */
  cookiePrefixes?: readonly ('__Host-' | '__Secure-' | '')[];
  /**
   * The other origins whose pages may send the page server something but GET and HEAD as its visitors, such as
   * `https://app.example.com`. A request of any other page gets no session. @default none
   */
  trustedOrigins?: readonly string[];
  /** The time in milliseconds since the epoch, for tests. @default `Date.now` */
  now?: () => number;
}

/** A visitor's request: a standard request, or one of Express or Node. @publicApi */
export interface VisitorRequest {
  readonly method?: string | undefined;
  readonly headers:
    | (Pick<Headers, 'get'> & Iterable<[string, string]>)
    | Readonly<Record<string, string | string[] | undefined>>;
}

/** The claims of the access token. @publicApi */
export interface VisitorClaims {
  /** The user's id. */
  readonly sub: string;
  /** The tenant's id. */
  readonly tId: string;
  readonly sessionHandle: string;
  /** When the token expires, in seconds since the epoch. */
  readonly exp: number;
  readonly [claim: string]: unknown;
}

/** A visitor's session, while one page is made. @publicApi */
export interface Visitor {
  /**
   * The user, by the API's signature; `undefined` for a guest. A session that was revoked is found until its access
   * token expires, or until the API refuses a `fetch`.
   */
  readonly claims: VisitorClaims | undefined;
  /** The visitor's cookies as they are from now on, for the code behind this middleware. */
  readonly cookie: string;
  /**
   * The request's headers with these cookies, as `NextResponse.next({ request: { headers } })` takes them. Until the
   * browser has new tokens, `unseen-session` tells the API so.
   */
  readonly headers: Headers;
  /** The `Set-Cookie` lines for the visitor's answer so far. */
  readonly setCookie: readonly string[];
  /**
   * Calls the API as this visitor, with a path and the options of `fetch`. It refreshes if needed. A redirect is not
   * followed but returned, unless `redirect` says `follow`: the cookies of the answers before the last are lost then.
   */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /**
   * The answer with `setCookie` added. If there is any, caches may not store it, and the API's offer to bind the session
   * to its device goes along.
   */
  answer(response: Response): Response;
  /** The same for a response of Express or Node, until its headers are sent. Again after a `fetch`: only news is added. */
  answer(response: NodeResponse): void;
}

/** The used parts of a response of Express or Node. @publicApi */
export interface NodeResponse {
  getHeader(name: string): number | string | string[] | undefined;
  setHeader(name: string, value: string | readonly string[]): unknown;
}

/** The way in which a request is handled. @publicApi */
export interface HandleOptions {
  /**
   * Whether the session may be refreshed. `false` where no cookie can be set, such as in a component of Next: the browser
   * would keep a refresh token that is spent. @default true
   */
  refresh?: boolean;
}

/** Finds the sessions of a page server's visitors. @publicApi */
export interface PageSessions {
  /**
   * Finds a request's visitor. The same request object has the same visitor, so routes may call it again.
   *
   * @param options whether it may refresh
   * @throws {Error} if the API can't be reached or can't answer, or something else answers in its place, because an
   *   outage must not turn users into guests; if the API has `antiCsrf: 'VIA_TOKEN'` and refuses a refresh for that
   */
  handle(request: VisitorRequest, options?: HandleOptions): Promise<Visitor>;
}
