import { checkValidatorValue, isJsonPrimitive, type JsonPrimitive } from './json-primitive.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import { SessionClaim } from './session-claim.js';
import { valueValidator } from './value-validator.js';

/**
 * The validators of a claim with a single value.
 *
 * @publicApi
 */
export interface PrimitiveClaimValidators<T extends JsonPrimitive> {
  /**
   * Holds when the value is this one.
   *
   * @param maxAgeInSeconds how old the value may be. By default as old as the claim allows
   * @param id names a failure to the client; default: the claim's key
   */
  readonly hasValue: (value: T, maxAgeInSeconds?: number, id?: string) => SessionClaimValidator;
}

/**
 * A claim whose value is a string, a number, a boolean or `null`.
 *
 * @example
 * const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: ({ userId }) => planOf(userId) });
 * plan.validators.hasValue('pro');
 * @publicApi
 */
export class PrimitiveClaim<T extends JsonPrimitive> extends SessionClaim<T> {
  /** Makes the validators of this claim. */
  readonly validators: PrimitiveClaimValidators<T> = primitiveValidators(this);

  protected override isValue(value: unknown): value is T {
    return isJsonPrimitive(value);
  }
}

/** Makes the validators of a claim with a single value. */
export function primitiveValidators<T extends JsonPrimitive>(
  claim: SessionClaim<T>,
): PrimitiveClaimValidators<T> {
  return {
    hasValue: (value, maxAgeInSeconds, id) => {
      const expected = { expectedValue: checkValidatorValue(value) };
      const holds = (actual: T): boolean => actual === value;
      const rule = { holds, ifMissing: expected, ifWrong: expected };
      return valueValidator(claim, rule, maxAgeInSeconds, id);
    },
  };
}
