import type { AccessTokenPayload } from './access-token-payload.js';
import { payloadChanges } from './payload-changes.js';
import {
  isValidator,
  type ClaimValidationContext,
  type ClaimValidationError,
  type SessionClaimValidator,
} from './session-claim-validator.js';
import type { ClaimSubject } from './session-claim.js';

/** What to validate, for whom, and when. */
export interface ClaimValidation {
  validators: readonly SessionClaimValidator[];
  subject: ClaimSubject;
  /** The current time, in milliseconds since the epoch. */
  nowMs: number;
}

/** What has come out. */
export interface ClaimValidationOutcome {
  /** All failures, in the order of the validators. */
  invalidClaims: ClaimValidationError[];
  /**
   * What fetching has changed, to be merged into the session even where a validator fails; absent where nothing has.
   * It holds the changed claims alone: to write back the rest of a token would undo what has changed in the session
   * since the token was made, a role taken away for one.
   */
  accessTokenPayloadUpdate?: AccessTokenPayload;
}

/**
 * Fetches the claims that are missing or too old for their validators, then judges them all by the payload that
 * results. What a claim or a validator throws is thrown: an error never passes for a valid claim, nor for a client's
 * lack of one.
 */
export async function validateClaims(validation: ClaimValidation): Promise<ClaimValidationOutcome> {
  const { subject, nowMs } = validation;
  const validators = checkValidators(validation.validators);
  const context = { nowMs };
  const payload = await refetchClaims(validators, subject, context);
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

// By index, so that a hole counts; what a proxy throws says nothing to the caller.
function isListOfValidators(validators: unknown): validators is readonly SessionClaimValidator[] {
  try {
    return Array.isArray(validators) && validators.findIndex((each) => !isValidator(each)) === -1;
  } catch {
    return false;
  }
}

// One after the other: a fetch sees what the ones before it have found, and a second validator of a claim finds it fresh.
async function refetchClaims(
  validators: readonly SessionClaimValidator[],
  subject: ClaimSubject,
  context: ClaimValidationContext,
): Promise<Readonly<AccessTokenPayload>> {
  let payload = subject.accessTokenPayload;
  for (const validator of validators) {
    const { claim } = validator;
    if (claim === undefined || !(await validator.shouldRefetch?.(payload, context))) continue;
    const value = await claim.fetchValue({ ...subject, accessTokenPayload: payload });
    if (value !== undefined) payload = claim.addToPayload(payload, value, context.nowMs);
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

// Nothing but `true` passes: a promise that somebody forgot to await is truthy as well.
function isPass(result: { isValid: unknown }): boolean {
  return result.isValid === true;
}

function errorOf(id: string, result: { isValid: unknown; reason?: unknown }): ClaimValidationError {
  return result.reason === undefined ? { id } : { id, reason: result.reason };
}
