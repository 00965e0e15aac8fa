import type { AccessTokenPayload } from '../claims/access-token-payload.js';
import { PermissionClaim } from '../claims/permission.claim.js';
import { UserRoleClaim } from '../claims/user-role.claim.js';

/** The user's claims in a test. */
export interface GivenClaims {
  roles?: readonly string[];
  permissions?: readonly string[];
  /** Claims of the access token by key, as in a login's `accessTokenPayload`. */
  claims?: Partial<AccessTokenPayload>;
}

const roleClaim = new UserRoleClaim({ fetchValue: () => undefined });
const permissionClaim = new PermissionClaim({ fetchValue: () => undefined });

/** The access token's payload with these claims, as if they had been fetched at this time. */
export function payloadOf(
  { roles, permissions, claims = {} }: GivenClaims,
  nowMs: number,
): Partial<AccessTokenPayload> {
  return {
    ...claims,
    ...(roles === undefined ? {} : roleClaim.addToPayload({}, roles, nowMs)),
    ...(permissions === undefined ? {} : permissionClaim.addToPayload({}, permissions, nowMs)),
  };
}
