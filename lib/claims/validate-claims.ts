import type { AccessTokenPayload } from './access-token-payload.js';
import { payloadChanges } from './payload-changes.js';
import {
  isValidator,
  type ClaimValidationContext,
  type ClaimValidationError,
  type SessionClaimValidator,
} from './session-claim-validator.js';
import type { ClaimSubject, SessionClaim } from './session-claim.js';

/** The input of a validation. */
export interface ClaimValidation {
  validators: readonly SessionClaimValidator[];
  subject: ClaimSubject;
  /** The claims that every session has, in their order. @default none */
  registered?: readonly SessionClaim<unknown>[];
  /** The current time, in milliseconds since the epoch. */
  nowMs: number;
}

/** The result of a validation. */
export interface ClaimValidationOutcome {
  /** All failures, in the order of the validators. */
  invalidClaims: ClaimValidationError[];
  /**
   * The changes that fetching made, to merge into the session even if a validator fails; absent without changes. It
   * holds only the changed claims. Writing back the rest of a token would undo later changes of the session, such as
   * the removal of a role.
   */
  accessTokenPayloadUpdate?: AccessTokenPayload;
}

/**
 * Fetches the claims that are missing or too old for their validators, then validates the resulting payload. Before a
 * registered claim come those that are registered earlier and have no value, as at a login. Errors of claims and
 * validators are passed on: an error is neither a valid claim nor a claim that the client lacks.
 */
export async function validateClaims(validation: ClaimValidation): Promise<ClaimValidationOutcome> {
  const { nowMs, subject } = validation;
  const validators = checkValidators(validation.validators);
  const context = { nowMs };
  const payload = await refetchClaims(validators, validation);
  const invalidClaims = await findInvalidClaims(validators, payload, context);
  const accessTokenPayloadUpdate = payloadChanges(subject.accessTokenPayload, payload);
  return accessTokenPayloadUpdate === undefined
    ? { invalidClaims }
    : { invalidClaims, accessTokenPayloadUpdate };
}

function checkValidators(validators: unknown): readonly SessionClaimValidator[] {
  if (isListOfValidators(validators)) return validators;
  throw new TypeError('validators must be an array of claim validators');
}

// By index, so that a hole counts. A proxy's own errors would tell the caller nothing.
function isListOfValidators(validators: unknown): validators is readonly SessionClaimValidator[] {
  try {
    return Array.isArray(validators) && validators.findIndex((each) => !isValidator(each)) === -1;
  } catch {
    return false;
  }
}

// One after the other: each fetch sees the results of those before it, and a claim's second validator finds it fresh.
async function refetchClaims(
  validators: readonly SessionClaimValidator[],
  { subject, nowMs, registered = [] }: ClaimValidation,
): Promise<Readonly<AccessTokenPayload>> {
  let payload = subject.accessTokenPayload;
  for (const validator of validators) {
    const { claim } = validator;
    if (claim === undefined || !(await validator.shouldRefetch?.(payload, { nowMs }))) continue;
    const missing = registered
      .slice(0, Math.max(0, registered.indexOf(claim)))
      .filter((each) => each.getValueFromPayload(payload) === undefined);
    for (const each of [...missing, claim]) {
      const value = await each.fetchValue({ ...subject, accessTokenPayload: payload });
      if (value !== undefined) payload = each.addToPayload(payload, value, nowMs);
    }
  }
  return payload;
}

async function findInvalidClaims(
  validators: readonly SessionClaimValidator[],
  payload: Readonly<AccessTokenPayload>,
  context: ClaimValidationContext,
): Promise<ClaimValidationError[]> {
  const invalidClaims: ClaimValidationError[] = [];
  for (const validator of validators) {
    const result = await validator.validate(payload, context);
    if (!isPass(result)) invalidClaims.push(errorOf(validator.id, result));
  }
  return invalidClaims;
}

// Only `true` passes, because a promise that somebody forgot to await is truthy as well.
function isPass(result: { isValid: unknown }): boolean {
  return result.isValid === true;
}

function errorOf(id: string, result: { isValid: unknown; reason?: unknown }): ClaimValidationError {
  return result.reason === undefined ? { id } : { id, reason: result.reason };
}
