import { BrowserBinding, type AskServer } from './browser-binding.js';
import { BrowserCookies } from './browser-cookies.js';
import { exchange, type FakeBrowserAnswer } from './browser-exchange.js';
import { mayInitiate } from './browser-instructions.js';
import { siteBetween } from './browser-site.js';

const SIGNATURES = 6;
const SIGNATURES_PER_MS = 9 * 60_000;
const SOON_MS = 2 * 60_000;
const MOST_REGISTRATIONS = 3;

/** The options of a `FakeBrowser`. @publicApi */
export interface FakeBrowserOptions {
  /** Where the application listens, such as `http://127.0.0.1:3000`, without the proxies in front of it. */
  readonly url: string;
  /**
   * The origin under which the browser calls it. On plain http, it binds nothing, and keeps Secure cookies only of a
   * loopback host. It drops cookies of another domain.
   *
   * @default 'https://app.example.com'
   */
  readonly origin?: string;
  /** The clock that ends cookies, such as a `FakeClock`. @default the machine's */
  readonly clock?: { now(): number };
  /** Whether it can bind sessions. @default true */
  readonly canBind?: boolean;
  /** Whether it registers a session before it returns the answer; otherwise `settle` does. @default true */
  readonly registersAtOnce?: boolean;
}

/** The details of a `FakeBrowser` request. @publicApi */
export interface FakeBrowserRequest {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The origin of the page that caused it. @default the browser's own origin */
  readonly initiator?: string;
  /** Whether it is a navigation, for example by a link. @default false */
  readonly isNavigation?: boolean;
}

/**
 * A browser with Device Bound Session Credentials, as in Chromium, but without Chromium. It keeps cookies, and
 * registers a key if an answer asks for it. It holds a request back while the bound cookie is missing, and proves the
 * key. For tests of applications.
 *
 * @example
 * ```ts
 * const browser = new FakeBrowser({ url: await app.getUrl(), clock });
 * await browser.send('POST', '/login', { body: credentials });
 * const thief = browser.stolenCookies();
 * clock.advanceMs(11 * 60_000);
 * expect((await thief.send('GET', '/me')).status).toBe(401);
 * expect((await browser.send('GET', '/me')).status).toBe(200);
 * ```
 * @publicApi
 */
export class FakeBrowser {
  /** Its own actions, in order. */
  readonly journal: string[] = [];
  /** Loses this many of the answers to its own requests from now on. */
  answersToLose = 0;
  private readonly cookies: BrowserCookies;
  private bindings: readonly BrowserBinding[] = [];
  private readonly signedAtMs: number[] = [];
  private readonly offers: { path: string; challenge: string }[] = [];
  private refreshing = new Map<BrowserBinding, Promise<string | undefined>>();

  constructor(private readonly options: FakeBrowserOptions) {
    this.cookies = new BrowserCookies(() => this.now(), this.origin);
  }

  /** The sessions for which it holds a key. */
  get boundSessions(): readonly string[] {
    return this.bindings.map(({ id }) => id);
  }

  /** The value of a cookie, even if it is HttpOnly. */
  cookie(name: string): string | undefined {
    return this.cookies.value(name);
  }

  /** Deletes a cookie, as the user may. */
  deleteCookie(name: string): void {
    this.cookies.remove(name);
  }

  /** Sends a request as a page of the browser does. It waits if a bound cookie is missing but can be renewed. */
  async send(
    method: string,
    path: string,
    request: FakeBrowserRequest = {},
  ): Promise<FakeBrowserAnswer> {
    const skipped = await this.refreshMissing(path, request);
    const isSoon = this.allowed(path, request).filter((each) => this.endsSoon(each));
    const headers = { ...this.headersOf(method, path, request), ...skipped };
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const answer = await exchange(this.options.url + path, method, headers, body);
    this.take(answer, path);
    for (const binding of isSoon) await this.refreshOnce(binding, request);
    if (this.options.registersAtOnce ?? true) await this.settle();
    return answer;
  }

  /** Registers the sessions that answers have offered. */
  async settle(): Promise<void> {
    for (let count = 0; this.offers.length > 0 && count < MOST_REGISTRATIONS; count += 1) {
      const offer = this.offers.shift();
      if (offer !== undefined) await this.register(offer);
    }
  }

  /** Refreshes every session, as a request without its cookie does. */
  async refreshAll(): Promise<void> {
    for (const binding of this.bindings) await this.refreshOnce(binding, {});
  }

  /** Closes the window and opens another one; everything remembered stays, including keys. */
  restart(): void {
    this.cookies.endWindow();
  }

  /** Another browser with this one's cookies and none of its keys, as after malware. */
  stolenCookies(): FakeBrowser {
    const thief = new FakeBrowser(this.options);
    this.cookies.copyInto(thief.cookies);
    return thief;
  }

  private async register(offer: { path: string; challenge: string }): Promise<void> {
    if (!this.takeSignature()) {
      this.journal.push('registration: quota exceeded');
      return;
    }
    const made = await BrowserBinding.register(offer, this.asking({}), () => this.now());
    if (made instanceof BrowserBinding) {
      this.bindings = [...this.bindings.filter(({ id }) => id !== made.id), made];
      this.journal.push('registered');
    } else this.journal.push(`registration failed: ${made.failed}`);
  }

  private async refreshMissing(
    path: string,
    request: FakeBrowserRequest,
  ): Promise<Record<string, string>> {
    for (const binding of this.allowed(path, request)) {
      if (this.hasCredentials(binding)) continue;
      const reason = await this.refreshOnce(binding, request);
      if (reason !== undefined) {
        return { 'secure-session-skipped': `${reason};session_identifier="${binding.id}"` };
      }
    }
    return {};
  }

  /** Simultaneous requests wait for the same refresh. */
  private refreshOnce(
    binding: BrowserBinding,
    request: FakeBrowserRequest,
  ): Promise<string | undefined> {
    const pending = this.refreshing.get(binding) ?? this.refresh(binding, request);
    this.refreshing.set(binding, pending);
    return pending.finally(() => this.refreshing.delete(binding));
  }

  private async refresh(
    binding: BrowserBinding,
    request: FakeBrowserRequest,
  ): Promise<string | undefined> {
    const outcome = await binding.refresh(this.asking(request), () => this.takeSignature());
    if (typeof outcome === 'object') {
      this.journal.push(`refresh skipped: ${outcome.skipped}`);
      return outcome.skipped;
    }
    this.journal.push(outcome);
    if (outcome === 'ended') this.bindings = this.bindings.filter((each) => each !== binding);
    return undefined;
  }

  /** Its own requests look like those of the origin's page, whoever caused them; no script sends them. */
  private asking(request: FakeBrowserRequest): AskServer {
    return async (path, headers) => {
      const own = { ...this.headersOf('POST', path, { ...request, headers: {} }), ...headers };
      const fetchMetadata = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'no-cors' };
      const sent = { ...own, ...fetchMetadata, 'sec-fetch-dest': 'empty', origin: this.origin };
      const answer = await exchange(this.options.url + path, 'POST', sent).catch(() => undefined);
      if (this.answersToLose > 0) {
        this.answersToLose -= 1;
        return undefined;
      }
      if (answer !== undefined) this.take(answer, path);
      return answer;
    };
  }

  private take(answer: FakeBrowserAnswer, path: string): void {
    this.cookies.take(answer.setCookies, path);
    for (const binding of this.bindings) binding.hear(answer);
    const offered = String(answer.headers['secure-session-registration'] ?? '');
    const { canBind = true } = this.options;
    if (!canBind || !this.origin.startsWith('https:') || !offered.includes('ES256')) return;
    const [, registrationPath] = /;path="([^"]*)"/.exec(offered) ?? [];
    const [, challenge] = /;challenge="([^"]*)"/.exec(offered) ?? [];
    if (registrationPath === undefined || challenge === undefined) return;
    const { pathname } = new URL(registrationPath, this.origin + path);
    this.offers.push({ path: pathname, challenge });
  }

  private headersOf(
    method: string,
    path: string,
    { body, headers = {}, isNavigation = false, ...request }: FakeBrowserRequest,
  ): Record<string, string> {
    const initiator = request.initiator ?? this.origin;
    const site = siteBetween(initiator, this.origin);
    const isLink = isNavigation && method === 'GET';
    const cookies = this.cookies
      .sentTo(path.replace(/\?.*/, ''), site === 'cross-site', isLink)
      .map(({ name, value }) => `${name}=${value}`);
    return {
      host: new URL(this.origin).host,
      'sec-fetch-site': site,
      'sec-fetch-mode': isNavigation ? 'navigate' : 'cors',
      'sec-fetch-dest': isNavigation ? 'document' : 'empty',
      ...(method === 'GET' ? { referer: `${initiator}/` } : { origin: initiator }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }),
      ...headers,
    };
  }

  // The refresh's own URL is outside of every scope.
  private allowed(path: string, { initiator = this.origin }: FakeBrowserRequest): BrowserBinding[] {
    const { hostname } = new URL(initiator);
    return this.bindings.filter(
      (each) =>
        each.path !== path && (initiator === this.origin || mayInitiate(hostname, each.initiators)),
    );
  }

  private hasCredentials({ credentials }: BrowserBinding): boolean {
    return credentials.every(({ name, attributes }) => this.cookies.find(name, attributes));
  }

  private endsSoon({ credentials }: BrowserBinding): boolean {
    return credentials.some(({ name, attributes }) => {
      const endsAtMs = this.cookies.find(name, attributes)?.expiresAtMs ?? Infinity;
      return endsAtMs - this.now() < SOON_MS;
    });
  }

  private takeSignature(): boolean {
    const sinceMs = this.now() - SIGNATURES_PER_MS;
    if (this.signedAtMs.filter((atMs) => atMs > sinceMs).length >= SIGNATURES) return false;
    this.signedAtMs.push(this.now());
    return true;
  }

  private get origin(): string {
    return this.options.origin ?? 'https://app.example.com';
  }

  private now(): number {
    return this.options.clock?.now() ?? Date.now();
  }
}
