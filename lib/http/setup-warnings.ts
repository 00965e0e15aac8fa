import { Inject, Injectable, Logger } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { Clock } from '../time/clock.js';
import { LogThrottle } from '../time/log-throttle.js';
import { headerOf, hostOf, type HttpRequest } from './context/http-request.js';
import { namesLoopback, pageOf } from './transport/loopback.js';
import type { JudgedValues } from './transport/shown-values.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Tells of mistakes in the set-up that a request shows, each with its cure: once for each kind, not for each request. */
@Injectable()
export class SetupWarnings {
  private readonly logger = new Logger('SessionModule');
  private readonly throttle: LogThrottle;

  constructor(
    clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.throttle = new LogThrottle(clock, DAY_MS);
  }

  /** A cookie of one of our names that is nobody's, beside the one that is a token. */
  ofStrayCookies<T>({ authentic, unknown, strays }: JudgedValues<T>): void {
    if (authentic.length === 0) return;
    const names = new Set(authentic.map(({ cookie }) => cookie));
    const stray = [...strays, ...unknown].find(
      ({ cookie }) => cookie !== undefined && names.has(cookie),
    );
    if (stray?.cookie !== undefined) {
      this.tell(
        'stray-cookie',
        `A request has a second cookie named ${stray.cookie}, which is no token of this server and is ignored. ` +
          'Another application or other cookie options have left it, or a sibling host has set it: give each ' +
          'application names of its own by `cookie.names`, and let browsers keep siblings out by the prefix `__Host-`.',
      );
    }
  }

  /** Two cookies of one name are good, and speak of two sessions. */
  ofTwoSessions(cookie: string): void {
    this.tell(
      'two-sessions',
      `A request has two cookies named ${cookie}, each of a session that lives, and is refused: which one the user means ` +
        'is not to be guessed. After a change of `cookie.domain` name the former one in `cookie.olderDomain`; otherwise a ' +
        'sibling host may have set one of them, which the prefix `__Host-` keeps out.',
    );
  }

  /** What the request that an answer gives cookies to shows of its browser and of what stands between. */
  ofCookiesFor(request: HttpRequest): void {
    if (this.ofPage(request)) return;
    const isFetched =
      headerOf(request, 'sec-fetch-site') === 'cross-site' &&
      headerOf(request, 'sec-fetch-mode') !== 'navigate';
    const { sameSite } = this.options.cookie;
    if (!isFetched || sameSite === 'none' || pageOf(request) === undefined) return;
    this.tell(
      'cross-site',
      `A page of another site was given cookies with SameSite=${sameSite}, which its browser drops. ` +
        "Call the API by a host of the page's own site (127.0.0.1 and localhost are two sites), or set " +
        "`cookie.sameSite` to 'none'.",
    );
  }

  /** What makes a page of our own look like another's, or keeps cookies from it. @returns whether there was any of it */
  ofPage(request: HttpRequest): boolean {
    const page = pageOf(request);
    if (page === undefined) return false;
    const isOtherHost = page.host !== hostOf(request);
    const isHidden = namesLoopback(request)
      ? !page.isLoopback
      : headerOf(request, 'sec-fetch-site') === 'same-origin';
    if (isOtherHost && isHidden) {
      this.ofHiddenHost();
      return true;
    }
    const isPlain = page.scheme === 'http' && !page.isLoopback && !isOtherHost;
    if (!isPlain || this.options.cookie.secure === false) return false;
    this.tell(
      'plain-http',
      'A page in plain http calls this API, and its browser drops Secure cookies: serve both over https. ' +
        'Where that is not possible, in a network of your own, set `cookie.secure` to false.',
    );
    return true;
  }

  private ofHiddenHost(): void {
    this.tell(
      'hidden-host',
      'A proxy in front of this application seems to hide the host that the browser has called. Let it pass the host ' +
        'on (nginx: `proxy_set_header Host $host;`): by the host it is decided whose pages are our own.',
    );
  }

  private tell(kind: string, message: string): void {
    if (this.throttle.admits(kind)) this.logger.warn(message);
  }
}
