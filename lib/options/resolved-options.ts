import type { KeyObject } from 'node:crypto';
import type { ResolvedRateLimits } from './rate-limit-options.js';
import type { SigningAlgorithm } from '../tokens/jwt.js';
import type {
  AntiCsrfMode,
  ClaimOrToken,
  TokenTransferMethodChooser,
  ValidatorOrToken,
} from './session-module-options.js';

/** The injection token of the options as the code reads them. */
export const RESOLVED_SESSION_OPTIONS = Symbol('RESOLVED_SESSION_OPTIONS');

/** One of the two cookies, as it is written where it can be Secure, and on plain http on a loopback host. */
export interface ResolvedCookie {
  readonly name: string;
  readonly secureName: string;
  /** What `secureName` was under `olderDomain`, whose prefix may have been another. */
  readonly olderSecureName: string;
  readonly path: string;
}

export interface ResolvedCookieOptions {
  readonly accessToken: ResolvedCookie;
  readonly refreshToken: ResolvedCookie;
  readonly sameSite: 'strict' | 'lax' | 'none';
  readonly secure: boolean | 'auto';
  readonly domain: string | undefined;
  /** `''`: the host alone. */
  readonly olderDomain: string | undefined;
  readonly partitioned: boolean;
}

/** Every option, present and checked: durations in milliseconds, functions in place of unions. Frozen. */
export interface ResolvedSessionOptions {
  readonly accessTokenLifetimeMs: number;
  readonly refreshTokenLifetimeMs: number;
  readonly nonPersistentLifetimeMs: number;
  readonly absoluteTimeoutMs: number | undefined;
  readonly refreshGracePeriodMs: number;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** Whose rows are ours among those of a database: a hash in hex, or empty. */
  readonly realm: string;
  readonly signing: { readonly algorithm: SigningAlgorithm; readonly rotationIntervalMs: number };
  /** The first encrypts, all decrypt. Empty: keys are stored in clear. */
  readonly encryptionKeys: readonly KeyObject[];
  /** Whether keys in clear are read although there is a key to encrypt them with. */
  readonly acceptsUnencryptedKeys: boolean;
  readonly cookie: ResolvedCookieOptions;
  readonly persistent: boolean;
  readonly tokenTransferMethod: TokenTransferMethodChooser;
  readonly antiCsrf: AntiCsrfMode;
  readonly trustedOrigins: ReadonlySet<string>;
  readonly trustSameSite: boolean;
  readonly exposeAccessTokenToFrontendInCookieBasedAuth: boolean;
  readonly frontTokenClaims: ReadonlySet<string> | undefined;
  readonly sessionExpiredStatusCode: number;
  readonly invalidClaimStatusCode: number;
  readonly revocation:
    false | { readonly pollIntervalMs: number; readonly maxStalenessMs: number | false };
  readonly verifiedTokenCache: false | { readonly max: number };
  readonly databaseTimeoutMs: number;
  readonly pruning: false | { readonly intervalMs: number };
  readonly endedSessionRetentionMs: number;
  readonly device: {
    readonly ip: boolean | 'truncated';
    readonly userAgent: boolean;
    readonly retentionMs: number | undefined;
  };
  readonly revokePreviousSession: boolean;
  readonly maxSessionsPerUser:
    false | { readonly max: number; readonly onLimit: 'evict-oldest' | 'refuse' };
  readonly rateLimit: false | ResolvedRateLimits;
  readonly claims: readonly ClaimOrToken[];
  readonly globalClaimValidators: readonly ValidatorOrToken[];
}
