import { PrimitiveArrayClaim } from './primitive-array-claim.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import type { SessionClaimOptions } from './session-claim.js';
import { wantedValidators, type WantedNames } from './wanted-names.js';

/**
 * The user's roles, under the key `st-role`. The application supplies them, with the option `fetchValue` or a subclass
 * that overrides the method of this name.
 *
 * @example
 * new UserRoleClaim({ fetchValue: ({ userId, tenantId }) => rolesOf(userId, tenantId) })
 * @see SuperTokens' `UserRoleClaim`
 * @publicApi
 */
export class UserRoleClaim extends PrimitiveArrayClaim<string> {
  constructor(options: Omit<SessionClaimOptions<readonly string[]>, 'key'> = {}) {
    super({ ...options, key: 'st-role' });
  }
}

/**
 * Validators for a session whose user must have these roles.
 *
 * @param claim fetches missing roles; without it, only the session's payload counts
 */
export function rolesValidators(
  roles: WantedNames,
  claim: UserRoleClaim = new UserRoleClaim({ fetchValue: () => undefined }),
): SessionClaimValidator[] {
  return wantedValidators(roles, claim);
}
