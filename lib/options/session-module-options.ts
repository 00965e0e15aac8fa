import type { SessionClaimValidator } from '../claims/session-claim-validator.js';
import type { SessionClaim } from '../claims/session-claim.js';
import type { Duration } from '../time/duration.js';
import type { SessionCookieOptions } from './cookie-options.js';
import type { SessionDeviceBindingOptions } from './device-binding-options.js';
import type { SessionPruningOptions } from './pruning-options.js';
import type { SessionRateLimitOptions } from './rate-limit-options.js';
import type { SessionStatusCodeOptions } from './status-code-options.js';
import type { SigningAlgorithm } from '../tokens/jwt.js';

/**
 * How requests with cookie tokens are protected from other sites' pages (CSRF).
 * - `VIA_FETCH_METADATA`: needs nothing from the client; reads `Sec-Fetch-Site`, else `Origin`.
 * - `VIA_CUSTOM_HEADER`: the client sends the header `rid`, as SuperTokens' browser SDK does.
 * - `VIA_TOKEN`: the client sends back the value of the header `anti-csrf`.
 * - `NONE`: `SameSite` alone; refused with `sameSite: 'none'`.
 *
 * @publicApi
 */
export type AntiCsrfMode = 'VIA_FETCH_METADATA' | 'VIA_CUSTOM_HEADER' | 'VIA_TOKEN' | 'NONE';

/**
 * Where tokens travel: in cookies, in headers (`Authorization`, `st-access-token`), or as the client asks.
 *
 * @publicApi
 */
export type TokenTransferMethod = 'any' | 'cookie' | 'header';

/**
 * Chooses the transfer method for one request. `request` is the platform's own request object.
 *
 * @publicApi
 */
export type TokenTransferMethodChooser = (
  request: unknown,
  step: 'create' | 'verify' | 'refresh',
) => TokenTransferMethod;

/** An injection token. @publicApi */
export type ClaimToken<T> = symbol | string | (abstract new (...dependencies: never[]) => T);

/** A claim, or the class or token of a provider of one. @publicApi */
export type ClaimOrToken = SessionClaim<unknown> | ClaimToken<SessionClaim<unknown>>;

/** A validator, or the class or token of a provider of one. @publicApi */
export type ValidatorOrToken = SessionClaimValidator | ClaimToken<SessionClaimValidator>;

/** The data to keep about the client that created a session. @publicApi */
export interface SessionDeviceOptions {
  /** Its address, as the framework reports it; `'truncated'`: only its network (/24, /48). @default false */
  ip?: boolean | 'truncated';
  /** Its `User-Agent`, up to 256 characters. @default false */
  userAgent?: boolean;
  /**
   * How long after the login to keep it. After that, lists no longer show the client, and `pruning` removes it from the
   * row.
   *
   * @default none: as long as the session
   */
  retention?: Duration;
}

/** The limit on a user's sessions in each tenant. @publicApi */
export interface SessionLimitOptions {
  /** The highest number of sessions. */
  max: number;
  /** Whether the oldest session ends, or the login is refused with 403. @default 'evict-oldest' */
  onLimit?: 'evict-oldest' | 'refuse';
}

/** @publicApi */
export interface SessionSigningOptions {
  /** Use RS256 for verifiers without ES256; ASVS 5.0 Appendix C disallows its padding. @default 'ES256' */
  algorithm?: SigningAlgorithm;
  /** How often a new signing key is made. Old keys verify as long as their tokens live. @default '7d' */
  rotationInterval?: Duration;
}

/**
 * The options of `SessionModule.forRoot`. Every option has a default that suits most applications.
 *
 * @publicApi
 */
export interface SessionModuleOptions extends SessionStatusCodeOptions {
  /** How long an access token is valid. Positive. @default '1h' */
  accessTokenLifetime?: Duration;
  /**
   * How long a session may go without a refresh (idle timeout). Each refresh starts it anew. A shorter value applies to
   * existing sessions too.
   *
   * @default '100d'
   */
  refreshTokenLifetime?: Duration;
  /** How long a session may live at most, however often it is refreshed. @default none */
  absoluteTimeout?: Duration;
  /**
   * How long a spent refresh token is still answered after its successor was seen in use; 0 to 5 minutes. At most a
   * quarter of the time by which `refreshTokenLifetime` and `nonPersistentLifetime` exceed `accessTokenLifetime`.
   *
   * @default '30s', or that quarter if it is shorter
   */
  refreshGracePeriod?: Duration;
  /**
   * The `iss` claim, checked if set: the API's public URL with `apiBasePath`, such as `https://api.example.com/auth`;
   * up to 255 characters.
   *
   * @default none
   */
  issuer?: string;
  /**
   * The `aud` claim, checked if set. It separates the keys, sessions and users of applications that share a database.
   *
   * @default none
   */
  audience?: string;
  signing?: SessionSigningOptions;
  /**
   * Encrypts the keys in the database (AES-256-GCM), so that a copy of the database authenticates nobody. At least 32
   * random bytes in base64 or hex, as `openssl rand -base64 32` prints. In a list, the first key encrypts and the
   * others still decrypt. @default none
   */
  encryptionKey?: string | readonly string[];
  /**
   * For the time when a deployment without `encryptionKey` gets one: keys in clear are read, and encrypted. Remove it
   * soon: until then, anyone who can write to the database can plant a key. @default none: keys in clear are not used
   */
  encryptionKeyMigration?: 'accept-unencrypted';
  cookie?: SessionCookieOptions;
  /**
   * `false`: cookies end with the browser ("remember me" off). `@CreateSession` can choose for each login.
   *
   * @default true
   */
  persistent?: boolean;
  /**
   * How long a session with `persistent: false` may go without a refresh.
   *
   * @default '1d', or four times `accessTokenLifetime` if that is more; at most `refreshTokenLifetime`
   */
  nonPersistentLifetime?: Duration;
  /** `'any'`: cookies, unless the client asks for headers with `st-auth-mode: header`. @default 'any' */
  tokenTransferMethod?: TokenTransferMethod | TokenTransferMethodChooser;
  /** @default 'VIA_FETCH_METADATA' for sameSite lax and strict, 'VIA_CUSTOM_HEADER' for none */
  antiCsrf?: AntiCsrfMode;
  /** Origins of other pages that may send requests to this API, such as `https://www.example.com`. @default [] */
  trustedOrigins?: readonly string[];
  /**
   * Whether pages of the same site, such as those of other subdomains, may send requests. If `false`, only pages of the
   * API's own origin and of `trustedOrigins` may. @default true
   */
  trustSameSite?: boolean;
  /**
   * Sends the access token in `st-access-token` too when cookies are used, for code that must read it.
   *
   * @default false
   */
  exposeAccessTokenToFrontendInCookieBasedAuth?: boolean;
  /** The user's own claims that the browser may read in `front-token`. @default all */
  frontTokenClaims?: readonly string[];
  /** How other instances learn of revoked sessions; `false`: only by `checkDatabase`. */
  revocation?:
    | false
    | {
        /** @default '1s' */
        pollInterval?: Duration;
        /**
         * After this time without news, guarded routes ask the database, and answer 503 if they can't; `false`: go on.
         *
         * @default '1m'
         */
        maxStaleness?: Duration | false;
      };
  /** Connections that stay open for a session: sockets, streams, subscriptions. */
  live?: {
    /**
     * `'session'`: a connection lasts as long as the session, across refreshes made elsewhere, also if a copied access
     * token has opened it. `'token'`: it ends with the access token that opened it, unless the client shows a newer one
     * on it. @default 'session'
     */
    until?: 'session' | 'token';
    /** The most connections that may wait for a token in their first message. @default 1000 */
    pending?: number;
  };
  /** How many verified access tokens are remembered; `false`: none. @default { max: 10_000 } */
  verifiedTokenCache?: false | { max?: number };
  /** How long a request waits for the database before it is answered 503; 0.1 seconds to 5 minutes. @default '5s' */
  databaseTimeout?: Duration;
  /** Deletes expired rows; `false`: never. They are deleted by default. */
  pruning?: false | SessionPruningOptions;
  /** How long `explain` can tell why a session ended; 0: never. @default '7d' */
  endedSessionRetention?: Duration;
  /** How many sessions a user can have in a tenant; `false`: any number. @default false */
  maxSessionsPerUser?: false | number | SessionLimitOptions;
  /** The requests of one address before the answer is 429; `{}`: the defaults. @default false: nothing is limited */
  rateLimit?: false | SessionRateLimitOptions;
  /**
   * Timeouts of an authenticator assurance level of NIST SP 800-63B-4: `'aal1'` 30 days in all, `'aal2'` 24 hours and 1
   * hour without activity, `'aal3'` 12 hours and 15 minutes. They become the defaults, and longer values are refused.
   *
   * @default none
   */
  profile?: 'aal1' | 'aal2' | 'aal3';
  /** The data to keep about the client, for the list of a user's sessions. @default { ip: false, userAgent: false } */
  device?: SessionDeviceOptions;
  /**
   * Binds sessions to a key in the browser's device, if the browser can (Device Bound Session Credentials). Their
   * cookies are then useless elsewhere. Works only with cookies, without `domain`, `partitioned` and `sameSite:
   * 'none'`.
   *
   * @default false
   */
  deviceBinding?: boolean | SessionDeviceBindingOptions;
  /** Whether a login ends the session that its request carries (session fixation, ASVS 7.2.4). @default true */
  revokePreviousSession?: boolean;
  /** Claims that every new session gets, in this order. @default [] */
  claims?: readonly ClaimOrToken[];
  /** Requirements on the claims of every verified session, unless a route overrides them. @default [] */
  globalClaimValidators?: readonly ValidatorOrToken[];
  /**
   * Allows `cookie.secure: false` in production. Anyone on the network path can then read the tokens.
   *
   * @default false
   */
  dangerouslyAllowInsecureCookies?: boolean;
}

/** The routes that the module serves under `apiBasePath`. @publicApi */
export interface SessionRoutesOptions {
  /** `POST session/refresh`. @default true */
  refresh?: boolean | SessionRouteOptions;
  /**
   * `POST session/bind`, with which browsers bind a session and prove their key; served with `deviceBinding`.
   *
   * @default true
   */
  bind?: boolean | SessionRouteOptions;
  /** `POST signout`. @default true */
  signOut?: boolean | SessionRouteOptions;
  /** `GET jwt/jwks.json`. @default true */
  jwks?: boolean | SessionRouteOptions;
  /** `GET .well-known/openid-configuration`, served once `issuer` is set. @default true */
  openIdConfiguration?: boolean | SessionRouteOptions;
  /**
   * `GET sessions`, `DELETE sessions/:handle` and `DELETE sessions`: a user's own sessions. With `requireFresh`, a user
   * can end sessions only within this time of the login (ASVS 7.5.2), as with `@RequireFresh`. @default true
   */
  sessionList?: boolean | (SessionRouteOptions & { requireFresh?: Duration });
  /**
   * `GET revocations`: services without a database poll it, to refuse revoked sessions too. They show one of the
   * secrets in `Authorization: Bearer`. Give one secret, or two during an exchange; each has at least 32 random
   * characters of base64 or hex, as `openssl rand -base64 32` prints. A missing one refuses the start. @default false
   */
  revocations?: false | (SessionRouteOptions & { secrets: readonly (string | undefined)[] });
}

/** The options of a built-in route. @publicApi */
export interface SessionRouteOptions {
  /**
   * Decorators for its handlers, such as `SkipThrottle()`, `ApiTags('auth')` or `UseInterceptors(Audit)`. A guard among
   * them runs after the module's own. @default none
   */
  decorators?: readonly MethodDecorator[];
}

/**
 * Settings that Nest needs before a factory runs: give them beside `useFactory`, never in its result.
 *
 * @publicApi
 */
export interface SessionModuleExtras {
  /**
   * The name of a second kind of sessions in the application, such as `staff`, with its own users, keys and rows. It
   * changes the defaults of `apiBasePath` (`/auth/staff`), `audience` and the cookie names. @default none
   */
  kind?: string;
  /** Whether the module's providers are visible in every module. @default true */
  isGlobal?: boolean;
  /** The name of the TypeORM data source that keeps the sessions. @default TypeORM's default data source */
  dataSource?: string;
  /** The base path of the built-in routes. @default '/auth', with a `kind` '/auth/' and its name */
  apiBasePath?: string;
  /** Built-in routes to switch off; `false`: all of them. */
  routes?: false | SessionRoutesOptions;
}

/** Makes the options, for `forRootAsync({ useClass })`. @publicApi */
export interface SessionOptionsFactory {
  createSessionOptions(): SessionModuleOptions | Promise<SessionModuleOptions>;
}
