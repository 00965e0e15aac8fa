import {
  PrimitiveClaim,
  primitiveValidators,
  type PrimitiveClaimValidators,
} from './primitive-claim.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import type { SessionClaim } from './session-claim.js';

/**
 * The validators of a claim that is true or false.
 *
 * @publicApi
 */
export interface BooleanClaimValidators extends PrimitiveClaimValidators<boolean> {
  /** Holds when the value is true: `hasValue(true)`. */
  readonly isTrue: (maxAgeInSeconds?: number, id?: string) => SessionClaimValidator;
  /** Holds when the value is false, but not when there is no value: `hasValue(false)`. */
  readonly isFalse: (maxAgeInSeconds?: number, id?: string) => SessionClaimValidator;
}

/**
 * A claim that is true or false.
 *
 * @publicApi
 */
export class BooleanClaim extends PrimitiveClaim<boolean> {
  override readonly validators: BooleanClaimValidators = booleanValidators(this);

  protected override isValue(value: unknown): value is boolean {
    return typeof value === 'boolean';
  }
}

/** Makes the validators of a claim that is true or false. */
export function booleanValidators(claim: SessionClaim<boolean>): BooleanClaimValidators {
  const { hasValue } = primitiveValidators(claim);
  return {
    hasValue,
    isTrue: (maxAgeInSeconds, id) => hasValue(true, maxAgeInSeconds, id),
    isFalse: (maxAgeInSeconds, id) => hasValue(false, maxAgeInSeconds, id),
  };
}
