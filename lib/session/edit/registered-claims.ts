import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { UserRoleClaim } from '../../claims/user-role.claim.js';
import { PermissionClaim } from '../../claims/permission.claim.js';

/** When a claim was fetched that has been marked in the row: a time before every other. */
export const MARKED_STALE_AT_MS = 0;

/** The claims that sessions get, and the validators that every session must pass, once providers among them are known. */
export class RegisteredClaims {
  private registered: readonly SessionClaim<unknown>[] = [];
  private validators: readonly SessionClaimValidator[] = [];

  get claims(): readonly SessionClaim<unknown>[] {
    return this.registered;
  }

  get globalValidators(): readonly SessionClaimValidator[] {
    return this.validators;
  }

  /** The claim that roles are fetched by, where the application has one. */
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
