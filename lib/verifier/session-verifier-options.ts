import type { ExecutionContext } from '@nestjs/common';
import type { SessionClaimValidator } from '../claims/session-claim-validator.js';
import type { SessionCookieOptions } from '../options/cookie-options.js';
import type { AntiCsrfMode } from '../options/session-module-options.js';
import type { SessionStatusCodeOptions } from '../options/status-code-options.js';
import type { Duration } from '../time/duration.js';

/** The options of `SessionVerifierModule.forRoot`. @publicApi */
export interface SessionVerifierOptions extends SessionStatusCodeOptions {
  /** The `issuer` of the SessionModule that keeps the sessions, such as `https://api.example.com/auth`. */
  issuer: string;
  /** The address of the issuer, if it is not its own URL, for example inside a cluster. @default `issuer` */
  url?: string;
  /** The `audience` of that SessionModule, or the name of its `kind`. @default `kind`; without it tokens must have none */
  audience?: string;
  /**
   * How this service learns of revoked sessions; the issuer must serve `routes: { revocations: { secrets } }`. `false`:
   * it does not learn of them, and a revoked session is accepted here until its access token ends. @default `false`,
   * with a warning at the start
   */
  revocations?: false | SessionVerifierRevocations;
  /** The issuer's keys. */
  keys?: {
    /** How often they are read again. If one is unknown, or all are too old, a request has them read at once. @default '5m' */
    reloadInterval?: Duration;
    /**
     * How long they are used while the issuer can't be reached; after that, requests get 503. More than 1.1 times
     * `reloadInterval`.
     *
     * @default '1d', at least three times `reloadInterval`
     */
    maxStaleness?: Duration;
  };
  /** How long to wait for the issuer; 0.1 seconds to 1 minute. @default '5s' */
  requestTimeout?: Duration;
  /** Whether access tokens are read from cookies too; give the issuer's `cookie` if it has set that. @default false */
  cookies?: boolean | SessionCookieOptions;
  /**
   * The issuer's value; matters with `cookies`.
   *
   * @default 'VIA_FETCH_METADATA', for sameSite none 'VIA_CUSTOM_HEADER'
   */
  antiCsrf?: AntiCsrfMode;
  /** Origins of other pages that may send requests to this service; matters with `cookies`. @default [] */
  trustedOrigins?: readonly string[];
  /** Whether pages of the same site may send requests; matters with `cookies`. @default true */
  trustSameSite?: boolean;
  /** The place of the token in messages between services. @default none: their handlers can't be guarded */
  messages?: {
    /** Finds the token of a message, as text or bytes, with or without `Bearer `. It may be a promise. */
    token: (data: unknown, context: unknown, execution: ExecutionContext) => unknown;
  };
  /**
   * Connections that stay open for a session: sockets, streams, subscriptions. Each ends with the access token that
   * opened it.
   */
  live?: {
    /** The most connections that may wait for a token in their first message. @default 1000 */
    pending?: number;
  };
  /** How many verified access tokens are remembered; `false`: none. @default { max: 10_000 } */
  verifiedTokenCache?: false | { max?: number };
  /** Requirements on the claims of every verified session, unless a route overrides them. @default [] */
  globalClaimValidators?: readonly SessionClaimValidator[];
}

/** The settings of the revocation feed. @publicApi */
export interface SessionVerifierRevocations {
  /** One of the `secrets` of the issuer's `routes.revocations`. Without a value, the service does not start. */
  secret: string | undefined;
  /** @default '2s' */
  pollInterval?: Duration;
  /**
   * How old the news may be, including the issuer's own delay; after that, requests get 503. `false`: go on. At least 2
   * seconds more than `pollInterval`; more than that if the issuer's `revocation.pollInterval` is above a second.
   *
   * @default '1m', at least three times `pollInterval`
   */
  maxStaleness?: Duration | false;
}

/** Settings that Nest needs before a factory runs. @publicApi */
export interface SessionVerifierExtras {
  /**
   * The name of these sessions, if a service verifies several kinds: `@VerifySession({ kind })` requires one, and
   * `@InjectVerification(kind)` injects the service that verifies by hand. It is the default of `audience`. @default
   * none
   */
  kind?: string;
  /** Whether the module's providers are visible in every module. @default true */
  isGlobal?: boolean;
}

/** Makes the options, for `forRootAsync({ useClass })`. @publicApi */
export interface SessionVerifierOptionsFactory {
  createSessionVerifierOptions(): SessionVerifierOptions | Promise<SessionVerifierOptions>;
}
