import type { KeyObject } from 'node:crypto';
import type { ResolvedCookieOptions } from './cookie-options.js';
import type { SessionKind } from './kind.js';
import type { ResolvedDeviceBinding } from './device-binding-options.js';
import type { ResolvedRateLimits } from './rate-limit-options.js';
import type { StatusCodes } from './status-code-options.js';
import type { SigningAlgorithm } from '../tokens/jwt.js';
import type {
  AntiCsrfMode,
  ClaimOrToken,
  TokenTransferMethodChooser,
  ValidatorOrToken,
} from './session-module-options.js';

/** The injection token of the options in the form that the code uses. */
export const RESOLVED_SESSION_OPTIONS = Symbol('RESOLVED_SESSION_OPTIONS');

/** The options that verify sessions, in the application that keeps them and in other services. */
export interface ResolvedVerificationOptions extends StatusCodes {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly kind: SessionKind;
  readonly cookie: ResolvedCookieOptions;
  readonly tokenTransferMethod: TokenTransferMethodChooser;
  /** The same method for every request, if the options fix one; `undefined` if clients or requests decide. */
  readonly fixedTransferMethod: 'cookie' | 'header' | undefined;
  readonly antiCsrf: AntiCsrfMode;
  readonly trustedOrigins: ReadonlySet<string>;
  readonly trustSameSite: boolean;
  readonly verifiedTokenCache: false | { readonly max: number };
  readonly live: { readonly until: 'session' | 'token'; readonly pending: number };
}

/** Every option, present and checked: durations in milliseconds, functions instead of unions. Frozen. */
export interface ResolvedSessionOptions extends ResolvedVerificationOptions {
  readonly accessTokenLifetimeMs: number;
  readonly refreshTokenLifetimeMs: number;
  readonly nonPersistentLifetimeMs: number;
  readonly absoluteTimeoutMs: number | undefined;
  readonly refreshGracePeriodMs: number;
  /** Identifies our rows in a shared database: a hash in hex, or empty. */
  readonly realm: string;
  readonly signing: { readonly algorithm: SigningAlgorithm; readonly rotationIntervalMs: number };
  /** The first key encrypts, all of them decrypt. Empty: keys are stored in clear. */
  readonly encryptionKeys: readonly KeyObject[];
  /** Whether keys in clear are read although a key to encrypt them is set. */
  readonly acceptsUnencryptedKeys: boolean;
  readonly persistent: boolean;
  readonly exposeAccessTokenToFrontendInCookieBasedAuth: boolean;
  readonly frontTokenClaims: ReadonlySet<string> | undefined;
  readonly revocation:
    false | { readonly pollIntervalMs: number; readonly maxStalenessMs: number | false };
  readonly databaseTimeoutMs: number;
  readonly pruning: false | { readonly intervalMs: number };
  readonly endedSessionRetentionMs: number;
  readonly device: {
    readonly ip: boolean | 'truncated';
    readonly userAgent: boolean;
    readonly retentionMs: number | undefined;
  };
  readonly deviceBinding: ResolvedDeviceBinding;
  readonly revokePreviousSession: boolean;
  readonly maxSessionsPerUser:
    false | { readonly max: number; readonly onLimit: 'evict-oldest' | 'refuse' };
  readonly rateLimit: false | ResolvedRateLimits;
  readonly claims: readonly ClaimOrToken[];
  readonly globalClaimValidators: readonly ValidatorOrToken[];
}
