import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { UserRoleClaim } from '../../claims/user-role.claim.js';
import { PermissionClaim } from '../../claims/permission.claim.js';

/** The claims of all sessions, and the validators that every session must pass, with their providers resolved. */
export class RegisteredClaims {
  private registered: readonly SessionClaim<unknown>[] = [];
  private validators: readonly SessionClaimValidator[] = [];

  get claims(): readonly SessionClaim<unknown>[] {
    return this.registered;
  }

  get globalValidators(): readonly SessionClaimValidator[] {
    return this.validators;
  }

  /** The claim that fetches roles, if the application has one. */
  get roleClaim(): UserRoleClaim | undefined {
    return this.registered.find((claim) => claim instanceof UserRoleClaim);
  }

  get permissionClaim(): PermissionClaim | undefined {
    return this.registered.find((claim) => claim instanceof PermissionClaim);
  }

  register(
    claims: readonly SessionClaim<unknown>[],
    globalValidators: readonly SessionClaimValidator[],
  ): void {
    this.registered = claims;
    this.validators = globalValidators;
  }
}
