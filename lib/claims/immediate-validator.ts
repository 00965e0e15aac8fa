import type { AccessTokenPayload } from './access-token-payload.js';
import type { SessionClaimValidator } from './session-claim-validator.js';

const immediate = new WeakSet<SessionClaimValidator>();

/** Marks a validator that decides by the payload and the time alone, without a promise. */
export function immediateValidator(validator: SessionClaimValidator): SessionClaimValidator {
  immediate.add(validator);
  return validator;
}

/**
 * Whether all validators hold at once: they are marked, and no claim has to be fetched. `false` tells nothing, and
 * `validateClaims` decides. For a payload that holds, both give the same result.
 */
export function holdAtOnce(
  validators: readonly SessionClaimValidator[],
  payload: Readonly<AccessTokenPayload>,
  nowMs: number,
): boolean {
  return validators.every(
    (validator) => immediate.has(validator) && holds(validator, payload, nowMs),
  );
}

function holds(
  validator: SessionClaimValidator,
  payload: Readonly<AccessTokenPayload>,
  nowMs: number,
): boolean {
  try {
    if ((validator.shouldRefetch?.(payload, { nowMs }) ?? false) !== false) return false;
    const result = validator.validate(payload, { nowMs });
    return 'isValid' in result && result.isValid;
  } catch {
    return false;
  }
}
