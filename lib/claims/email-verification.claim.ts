import { BooleanClaim, booleanValidators, type BooleanClaimValidators } from './boolean-claim.js';
import { assertMaxAge } from './max-age.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import type { SessionClaimOptions } from './session-claim.js';
import { isMissingOrTooOld } from './value-validator.js';

/**
 * The validators of `EmailVerificationClaim`.
 *
 * @publicApi
 */
export interface EmailVerificationClaimValidators extends BooleanClaimValidators {
  /**
   * Holds when the address is verified. A "not verified" is soon fetched again. A user who has just followed the link
   * can then continue.
   *
   * @param refetchTimeOnFalseInSeconds how old a "not verified" may be. The default is 10
   * @param maxAgeInSeconds how old any value may be. By default as old as the claim allows
   */
  readonly isVerified: (
    refetchTimeOnFalseInSeconds?: number,
    maxAgeInSeconds?: number,
  ) => SessionClaimValidator;
}

/**
 * Whether the user's e-mail address is verified, under the key `st-ev`. The application supplies the value, with the
 * option `fetchValue` or a subclass that overrides the method of this name. By SuperTokens' convention it is true for a
 * user without an address.
 *
 * @see SuperTokens' `EmailVerificationClaim`
 * @publicApi
 */
export class EmailVerificationClaim extends BooleanClaim {
  override readonly validators: EmailVerificationClaimValidators = {
    ...booleanValidators(this),
    isVerified: (
      refetchTimeOnFalseInSeconds = 10,
      maxAgeInSeconds = this.defaultMaxAgeInSeconds,
    ) => {
      assertMaxAge('refetchTimeOnFalseInSeconds', refetchTimeOnFalseInSeconds);
      return {
        ...this.validators.isTrue(maxAgeInSeconds),
        shouldRefetch: (payload, { nowMs }) =>
          isMissingOrTooOld(this, maxAgeInSeconds, payload, nowMs) ||
          (this.getValueFromPayload(payload) === false &&
            isMissingOrTooOld(this, refetchTimeOnFalseInSeconds, payload, nowMs)),
      };
    },
  };

  constructor(options: Omit<SessionClaimOptions<boolean>, 'key'> = {}) {
    super({ ...options, key: 'st-ev' });
  }
}
