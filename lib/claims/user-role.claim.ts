import { PrimitiveArrayClaim } from './primitive-array-claim.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import type { SessionClaimOptions } from './session-claim.js';

/**
 * The user's roles, under the key `st-role`. The application says where they come from: by the option `fetchValue`,
 * or by a subclass that overrides the method of this name.
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
 * Validators for a session whose user must have every one of these roles; an empty list asks for nothing.
 *
 * @param claim where missing roles are fetched from; without it the session's payload alone decides
 */
export function rolesValidators(
  roles: readonly string[],
  claim: UserRoleClaim = new UserRoleClaim({ fetchValue: () => undefined }),
): SessionClaimValidator[] {
  const hasRoles = claim.validators.includesAll(roles);
  return roles.length === 0 ? [] : [hasRoles];
}
