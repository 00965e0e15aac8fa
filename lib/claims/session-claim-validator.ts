import type { AccessTokenPayload } from './access-token-payload.js';
import type { SessionClaim } from './session-claim.js';

/**
 * The context in which a validator judges a payload.
 *
 * @publicApi
 */
export interface ClaimValidationContext {
  /** The current time, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/**
 * The result of a validator. The reason is JSON, and the client sees it.
 *
 * @publicApi
 */
export type ClaimValidationResult = { isValid: true } | { isValid: false; reason?: unknown };

/**
 * One failing validator, as the client sees it.
 *
 * @publicApi
 */
export interface ClaimValidationError {
  /** The validator's id. */
  id: string;
  /** The validator's reason, if it gave one. */
  reason?: unknown;
}

/**
 * A condition that a session's payload must meet.
 *
 * @publicApi
 */
export interface SessionClaimValidator {
  /** Names a failure to the client; for validators of claims, the claim's key. */
  readonly id: string;
  /** The claim to fetch again if `shouldRefetch` says so. */
  readonly claim?: SessionClaim<unknown>;
  /** Whether the payload meets the condition. An error thrown here fails the request, not the validator. */
  validate(
    payload: Readonly<AccessTokenPayload>,
    context: ClaimValidationContext,
  ): ClaimValidationResult | Promise<ClaimValidationResult>;
  /** Whether the claim's value is missing or too old to be judged. */
  shouldRefetch?(
    payload: Readonly<AccessTokenPayload>,
    context: ClaimValidationContext,
  ): boolean | Promise<boolean>;
}

/** Whether a value has the properties of a validator. */
export function isValidator(value: unknown): value is SessionClaimValidator {
  const candidate = value as Partial<SessionClaimValidator> | null | undefined;
  return typeof candidate?.id === 'string' && typeof candidate.validate === 'function';
}
