import type { AccessTokenPayload } from './access-token-payload.js';
import type { SessionClaim } from './session-claim.js';

/**
 * What a validator judges by, beside the payload.
 *
 * @publicApi
 */
export interface ClaimValidationContext {
  /** The current time, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/**
 * What a validator finds. The reason is JSON, and the client is told it.
 *
 * @publicApi
 */
export type ClaimValidationResult = { isValid: true } | { isValid: false; reason?: unknown };

/**
 * One failing validator, as the client is told of it.
 *
 * @publicApi
 */
export interface ClaimValidationError {
  /** The validator's id. */
  id: string;
  /** What the validator said, if it said anything. */
  reason?: unknown;
}

/**
 * A condition that a session's payload must meet.
 *
 * @publicApi
 */
export interface SessionClaimValidator {
  /** What a client knows a failure by; the claim's key, for the validators of claims. */
  readonly id: string;
  /** What to fetch anew when `shouldRefetch` says so. */
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

/** Whether a value has what makes a validator. */
export function isValidator(value: unknown): value is SessionClaimValidator {
  const candidate = value as Partial<SessionClaimValidator> | null | undefined;
  return typeof candidate?.id === 'string' && typeof candidate.validate === 'function';
}
