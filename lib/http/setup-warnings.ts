import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import type { Flaw, FindingCode } from '../errors/flaw.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { Clock } from '../time/clock.js';
import { LogThrottle } from '../time/log-throttle.js';
import { DAY_MS } from '../time/units.js';
import { headerOf, hostOf, type HttpRequest } from './context/http-request.js';
import { namesLoopback, pageOf } from './transport/loopback.js';
import type { JudgedValues } from './transport/shown-values.js';

/** Knows the application's entities; absent in a service without a database. */
export interface KnownEntities {
  hasEntity(type: unknown): boolean;
}

/** The injection token of the entities. */
export const KNOWN_ENTITIES = Symbol('KNOWN_ENTITIES');

/**
 * Reports setup mistakes that a request reveals, each with its cure: once for each kind of mistake, not for each
 * request.
 */
@Injectable()
export class SetupWarnings {
  private readonly logger = new Logger('SessionModule');
  private readonly throttle: LogThrottle;
  private readonly found = new Map<string, Flaw>();

  constructor(
    clock: Clock,
    @Optional() @Inject(KNOWN_ENTITIES) private readonly entities: KnownEntities | undefined,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {
    this.throttle = new LogThrottle(clock, DAY_MS);
  }

  /** A cookie with one of our names that we did not make, beside a real one. */
  ofStrayCookies<T>({ authentic, unknown, strays }: JudgedValues<T>): void {
    if (authentic.length === 0) return;
    const names = new Set(authentic.map(({ cookie }) => cookie));
    const stray = [...strays, ...unknown].find(
      ({ cookie }) => cookie !== undefined && names.has(cookie),
    );
    if (stray?.cookie !== undefined) {
      this.tell(
        'stray-cookie',
        `A request has a second cookie named ${stray.cookie}, which is not a token of this server and is ignored.`,
        'Another application or other cookie options have left it, or a sibling host has set it. Give each ' +
          'application its own names with `cookie.names`, and keep siblings out with the prefix `__Host-`.',
      );
    }
  }

  /** Two cookies of one name are good, but belong to two sessions. */
  ofTwoSessions(cookie: string): void {
    this.tell(
      'two-sessions',
      `A request has two cookies named ${cookie}, each of a live session, and is refused, because the user’s choice ` +
        'can’t be guessed.',
      'After a change of `cookie.domain`, name the former one in `cookie.olderDomain`. Otherwise a ' +
        'sibling host may have set one of them, which the prefix `__Host-` prevents.',
    );
  }

  /** Facts about the browser and the proxies in a request whose answer sets cookies. */
  ofCookiesFor(request: HttpRequest): void {
    if (this.ofPage(request)) return;
    const isFetched =
      headerOf(request, 'sec-fetch-site') === 'cross-site' &&
      headerOf(request, 'sec-fetch-mode') !== 'navigate';
    const { sameSite } = this.options.cookie;
    if (!isFetched || sameSite === 'none' || pageOf(request) === undefined) return;
    this.tell(
      'cross-site',
      `A page of another site was given cookies with SameSite=${sameSite}, which its browser drops.`,
      "Call the API on a host of the page's own site (127.0.0.1 and localhost are two sites), or set " +
        "`cookie.sameSite` to 'none'.",
    );
  }

  /** Makes our own page look foreign, or keeps cookies from it. @returns whether any of this was found */
  ofPage(request: HttpRequest): boolean {
    const page = pageOf(request);
    if (page === undefined) return false;
    const isOtherHost = page.host !== hostOf(request);
    const isHidden = namesLoopback(request)
      ? !page.isLoopback
      : headerOf(request, 'sec-fetch-site') === 'same-origin';
    if (isOtherHost && isHidden) {
      this.tell(
        'hidden-host',
        'A proxy in front of this application seems to hide the host that the browser called.',
        'Make it pass the host on (nginx: `proxy_set_header Host $http_host;`), because the host decides which pages are your own.',
      );
      return true;
    }
    const isPlain = page.scheme === 'http' && !page.isLoopback && !isOtherHost;
    if (!isPlain || this.options.cookie.secure === false) return false;
    this.tell(
      'plain-http',
      'A page in plain http calls this API, and its browser drops Secure cookies: serve both over https.',
      'If that is not possible, in your own network, set `cookie.secure` to false.',
    );
    return true;
  }

  /** A login that answers with an entity of the application, and so with everything in it. */
  ofEntity(result: unknown, handler: string): void {
    if (typeof result !== 'object' || result === null) return;
    if (this.entities?.hasEntity(result.constructor) !== true) return;
    this.tell(
      'entity-answered',
      `@CreateSession() on ${handler}: the handler returns an entity (${result.constructor.name}), and the client gets all of its ` +
        'columns that are loaded, such as a hash of the password.',
      'Select what it may see with `answer`.',
      handler,
    );
  }

  /** A message of a handler that seems guarded, but is not. */
  ofOpenMessage({ code, cause, cure }: Flaw, handler: string): void {
    this.tell(code, cause, cure, handler);
  }

  /** The flaws that requests have shown since the start. */
  get flaws(): readonly Flaw[] {
    return [...this.found.values()];
  }

  private tell(code: FindingCode, cause: string, cure: string, of = ''): void {
    const key = `${code} ${of}`;
    this.found.set(key, { code, cause, cure });
    if (this.throttle.admits(key)) this.logger.warn(`${cause} ${cure}`);
  }
}
