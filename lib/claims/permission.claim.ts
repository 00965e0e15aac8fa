import { PrimitiveArrayClaim } from './primitive-array-claim.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import type { SessionClaimOptions } from './session-claim.js';

/**
 * What the user's roles permit, under the key `st-perm`. The application says where the permissions come from: by the
 * option `fetchValue`, or by a subclass that overrides the method of this name.
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
 * Validators for a session whose user must have every one of these permissions; an empty list asks for nothing.
 *
 * @param claim where missing permissions are fetched from; without it the session's payload alone decides
 */
export function permissionsValidators(
  permissions: readonly string[],
  claim: PermissionClaim = new PermissionClaim({ fetchValue: () => undefined }),
): SessionClaimValidator[] {
  const hasPermissions = claim.validators.includesAll(permissions);
  return permissions.length === 0 ? [] : [hasPermissions];
}
