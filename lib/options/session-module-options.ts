import type { SessionClaimValidator } from '../claims/session-claim-validator.js';
import type { SessionClaim } from '../claims/session-claim.js';
import type { Duration } from '../time/duration.js';
import type { SessionRateLimitOptions } from './rate-limit-options.js';
import type { SigningAlgorithm } from '../tokens/jwt.js';

/**
 * How requests that carry their tokens in cookies are kept safe from other sites' pages (CSRF).
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

/** How Nest knows a provider. @publicApi */
export type ClaimToken<T> = symbol | string | (abstract new (...dependencies: never[]) => T);

/** A claim, or the class or token of a provider of one. @publicApi */
export type ClaimOrToken = SessionClaim<unknown> | ClaimToken<SessionClaim<unknown>>;

/** A validator, or the class or token of a provider of one. @publicApi */
export type ValidatorOrToken = SessionClaimValidator | ClaimToken<SessionClaimValidator>;

/** What is kept of the client that a session was created by. @publicApi */
export interface SessionDeviceOptions {
  /** Its address, as the framework tells it; `'truncated'`: its network alone (/24, /48). @default false */
  ip?: boolean | 'truncated';
  /** Its `User-Agent`, up to 256 characters. @default false */
  userAgent?: boolean;
  /**
   * How long after the login; then lists say nothing of the client any more, and `pruning` takes it out of the row.
   *
   * @default none: as long as the session
   */
  retention?: Duration;
}

/** What a user's sessions are limited to, in each tenant. @publicApi */
export interface SessionLimitOptions {
  /** How many sessions at most. */
  max: number;
  /** Whether the oldest session goes, or the login is refused with 403. @default 'evict-oldest' */
  onLimit?: 'evict-oldest' | 'refuse';
}

/** @publicApi */
export interface SessionCookieOptions {
  /** Path of the access token's cookie. @default '/' */
  path?: string;
  /** Path of the refresh token's cookie. Another one than `/` gives up the `__Host-` prefix. @default '/' */
  refreshPath?: string;
  /** `none` is for a frontend on another site, and needs `secure` and an anti-CSRF mode. @default 'lax' */
  sameSite?: 'strict' | 'lax' | 'none';
  /** `'auto'`: Secure, except outside production where the browser shows that its page is plain http on a loopback host. @default 'auto' */
  secure?: boolean | 'auto';
  /** `'auto'`: `__Host-` where Path is `/` and there is no Domain, else `__Secure-`; neither where the cookie is not Secure. @default 'auto' */
  prefix?: 'auto' | '__Host-' | '__Secure-' | '';
  /** Shares the cookies with subdomains. Every one of them can then read and overwrite them. @default none: this host alone */
  domain?: string;
  /**
   * The `domain` that was used before, `''` for none, after a change of `domain`: sessions go on with the cookies that
   * are left from it, and those are removed at the next refresh, login or sign-out. Take it out once
   * `refreshTokenLifetime` has passed since the change. @default none
   */
  olderDomain?: string;
  /** Names without their prefix. @default { accessToken: 'sAccessToken', refreshToken: 'sRefreshToken' } */
  names?: { accessToken?: string; refreshToken?: string };
  /** `Partitioned` (CHIPS), for a page inside another site's frame. @default false */
  partitioned?: boolean;
}

/** @publicApi */
export interface SessionSigningOptions {
  /** ASVS 5.0 Appendix C disallows RS256's padding; it is there for verifiers that know no ES256. @default 'ES256' */
  algorithm?: SigningAlgorithm;
  /** A new signing key is made each time this has passed; old ones verify for as long as their tokens live. @default '7d' */
  rotationInterval?: Duration;
}

/**
 * What `SessionModule.forRoot` takes. Every option has a default that is right for most.
 *
 * @publicApi
 */
export interface SessionModuleOptions {
  /** How long an access token is good for. Positive. @default '1h' */
  accessTokenLifetime?: Duration;
  /** How long a session may go without a refresh (idle timeout); it slides at each refresh. @default '100d' */
  refreshTokenLifetime?: Duration;
  /** How long a session may live at most, whatever is refreshed. @default none */
  absoluteTimeout?: Duration;
  /**
   * How long a spent refresh token still gets an answer once its successor has been seen in use; 0 to 5 minutes. At most a
   * quarter of what `refreshTokenLifetime` is above `accessTokenLifetime`. @default '30s', or that quarter
   */
  refreshGracePeriod?: Duration;
  /** The `iss` claim, checked where set: the API's public URL with `apiBasePath`, such as `https://api.example.com/auth`; up to 255 characters. @default none */
  issuer?: string;
  /** The `aud` claim, checked where set. Applications that share a database keep apart by it: keys, sessions and users. @default none */
  audience?: string;
  signing?: SessionSigningOptions;
  /**
   * Encrypts the keys in the database (AES-256-GCM), so that a copy of the database authenticates nobody. At least 32 random bytes, in base64 or
   * hex, such as `openssl rand -base64 32` prints; of several the first encrypts and the others still decrypt. @default none
   */
  encryptionKey?: string | readonly string[];
  /**
   * For the time in which `encryptionKey` comes to a deployment that has run without one: keys in clear are read, and encrypted. Take it out
   * again, since while it stands whoever can write to the database can plant a key. @default none: keys in clear are not used
   */
  encryptionKeyMigration?: 'accept-unencrypted';
  cookie?: SessionCookieOptions;
  /** `false`: cookies that end with the browser ("remember me" off). `@CreateSession` can choose for each login. @default true */
  persistent?: boolean;
  /** How long a session with `persistent: false` may go without a refresh. @default '1d', more where access tokens live for more than 6 hours */
  nonPersistentLifetime?: Duration;
  /** `'any'`: cookies, unless the client asks for headers by `st-auth-mode: header`. @default 'any' */
  tokenTransferMethod?: TokenTransferMethod | TokenTransferMethodChooser;
  /** @default 'VIA_FETCH_METADATA' for sameSite lax and strict, 'VIA_CUSTOM_HEADER' for none */
  antiCsrf?: AntiCsrfMode;
  /** Origins of pages that may send requests to this API beside its own, such as `https://www.example.com`. @default [] */
  trustedOrigins?: readonly string[];
  /**
   * Whether pages of the same site, such as other subdomains, may send requests. `false`: only pages of the API's own origin
   * and of `trustedOrigins`. @default true
   */
  trustSameSite?: boolean;
  /** Sends the access token in `st-access-token` too where cookies are used, for code that must read it. @default false */
  exposeAccessTokenToFrontendInCookieBasedAuth?: boolean;
  /** The user's own claims that the browser may read in `front-token`. @default all */
  frontTokenClaims?: readonly string[];
  /** Status of "unauthorised", "try refresh token" and "token theft detected". @default 401 */
  sessionExpiredStatusCode?: number;
  /** Status of "invalid claim". @default 403 */
  invalidClaimStatusCode?: number;
  /** How other instances learn of revoked sessions; `false`: only where `checkDatabase` is asked for. */
  revocation?:
    | false
    | {
        /** @default '1s' */
        pollInterval?: Duration;
        /** Without news for so long, guarded routes ask the database, and answer 503 where they can't; `false`: go on. @default '1m' */
        maxStaleness?: Duration | false;
      };
  /** How many verified access tokens are remembered; `false`: none. @default { max: 10_000 } */
  verifiedTokenCache?: false | { max?: number };
  /** How long a request waits for the database before it is answered 503; 0.1 seconds to 5 minutes. @default '5s' */
  databaseTimeout?: Duration;
  /** Deletes expired rows; `false`: never. @default { interval: '1h' } */
  pruning?: false | { interval?: Duration };
  /** How long `explain` can tell why a session ended; 0: not at all. @default '7d' */
  endedSessionRetention?: Duration;
  /** How many sessions a user can have in a tenant; `false`: any number. @default false */
  maxSessionsPerUser?: false | number | SessionLimitOptions;
  /** What one address may ask for, before it is answered 429; `{}`: the defaults. @default false: nothing is limited */
  rateLimit?: false | SessionRateLimitOptions;
  /**
   * Timeouts of an authenticator assurance level of NIST SP 800-63B-4: `'aal1'` 30 days in all, `'aal2'` 24 hours and 1
   * hour without activity, `'aal3'` 12 hours and 15 minutes. They become the defaults, and longer ones are refused.
   *
   * @default none
   */
  profile?: 'aal1' | 'aal2' | 'aal3';
  /** What to keep of the client for the list of a user's sessions. @default { ip: false, userAgent: false } */
  device?: SessionDeviceOptions;
  /** Whether a login on a request that carries a session ends that one (session fixation, ASVS 7.2.4). @default true */
  revokePreviousSession?: boolean;
  /** Claims that every new session gets, in this order. @default [] */
  claims?: readonly ClaimOrToken[];
  /** What the claims of every verified session must hold, unless a route says otherwise. @default [] */
  globalClaimValidators?: readonly ValidatorOrToken[];
  /** Allows `cookie.secure: false` in production, where anyone on the way can then read the tokens. @default false */
  dangerouslyAllowInsecureCookies?: boolean;
}

/** The routes that the module serves under `apiBasePath`. @publicApi */
export interface SessionRoutesOptions {
  /** `POST session/refresh`. @default true */
  refresh?: boolean;
  /** `POST signout`. @default true */
  signOut?: boolean;
  /** `GET jwt/jwks.json`. @default true */
  jwks?: boolean;
  /** `GET .well-known/openid-configuration`, served once `issuer` is set. @default true */
  openIdConfiguration?: boolean;
  /**
   * `GET sessions`, `DELETE sessions/:handle` and `DELETE sessions`: a user's own sessions. With `requireFresh` sessions are
   * ended only within this time of the login (ASVS 7.5.2), as `@RequireFresh` has it. @default true
   */
  sessionList?: boolean | { requireFresh?: Duration };
}

/**
 * What Nest must know before a factory runs: it stands beside `useFactory`, never in its result.
 *
 * @publicApi
 */
export interface SessionModuleExtras {
  /** Whether the module's providers are visible everywhere. @default true */
  isGlobal?: boolean;
  /** The name of the TypeORM data source that keeps the sessions. @default TypeORM's default data source */
  dataSource?: string;
  /** Where the built-in routes are. @default '/auth' */
  apiBasePath?: string;
  /** Built-in routes to switch off; `false`: all of them. */
  routes?: false | SessionRoutesOptions;
}

/** Makes the options, for `forRootAsync({ useClass })`. @publicApi */
export interface SessionOptionsFactory {
  createSessionOptions(): SessionModuleOptions | Promise<SessionModuleOptions>;
}
