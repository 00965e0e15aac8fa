import { PrimitiveArrayClaim } from './primitive-array-claim.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import type { SessionClaimOptions } from './session-claim.js';
import { wantedValidators, type WantedNames } from './wanted-names.js';

/**
 * The permissions of the user's roles, under the key `st-perm`. The application supplies them, with the option
 * `fetchValue` or a subclass that overrides the method of this name.
 *
 * @see SuperTokens' `PermissionClaim`
 * @publicApi
 */
export class PermissionClaim extends PrimitiveArrayClaim<string> {
  constructor(options: Omit<SessionClaimOptions<readonly string[]>, 'key'> = {}) {
    super({ ...options, key: 'st-perm' });
  }
}

/**
 * Validators for a session whose user must have these permissions.
 *
 * @param claim fetches missing permissions; without it, only the session's payload counts
 */
export function permissionsValidators(
  permissions: WantedNames,
  claim: PermissionClaim = new PermissionClaim({ fetchValue: () => undefined }),
): SessionClaimValidator[] {
  return wantedValidators(permissions, claim);
}
