import type { ClaimValidationError } from '../claims/session-claim-validator.js';
import type { SessionClaim } from '../claims/session-claim.js';
import type {
  ClaimValidatorsOverride,
  SessionClaims,
  SessionDoesNotExist,
} from './session-claims.js';
import type { SessionInformation } from './session-directory.js';
import { SessionFunctions, SessionRoles } from './session-functions.js';

/**
 * The functions on the claims of sessions that need no request.
 *
 * @publicApi
 */
export class ClaimFunctions extends SessionFunctions {
  /** @internal */
  constructor(
    roles: SessionRoles,
    private readonly claims: SessionClaims,
  ) {
    super(roles);
  }

  /** Fetches a claim's value into a session. @returns whether the session was there */
  fetchAndSetClaim(sessionHandle: string, claim: SessionClaim<unknown>): Promise<boolean> {
    return this.claims.fetchAndSet(sessionHandle, claim);
  }

  /** Sets a claim's value in a session. @returns whether the session was there */
  setClaimValue<T>(
    sessionHandle: string,
    claim: SessionClaim<T>,
    value: NoInfer<T>,
  ): Promise<boolean> {
    return this.claims.set(sessionHandle, claim, value);
  }

  /** A claim's value in a session. */
  getClaimValue<T>(
    sessionHandle: string,
    claim: SessionClaim<T>,
  ): Promise<{ status: 'OK'; value: T | undefined } | SessionDoesNotExist> {
    return this.claims.get(sessionHandle, claim);
  }

  /** Takes a claim out of a session. @returns whether the session was there */
  removeClaim(sessionHandle: string, claim: SessionClaim<unknown>): Promise<boolean> {
    return this.claims.remove(sessionHandle, claim);
  }

  /**
   * Says that what a user's claims tell has changed, such as their roles: the registered claims are fetched again at the
   * user's next request, on each instance within the poll interval of the revocation feed. Nobody is logged out.
   */
  markClaimsStale(userId: string): Promise<void> {
    return this.claims.markStale(userId);
  }

  /** Checks a session's claims, after fetching those that are missing or too old. */
  validateClaimsForSessionHandle(
    sessionHandle: string,
    overrideGlobalClaimValidators?: ClaimValidatorsOverride<SessionInformation>,
  ): Promise<{ status: 'OK'; invalidClaims: ClaimValidationError[] } | SessionDoesNotExist> {
    return this.claims.validate(sessionHandle, overrideGlobalClaimValidators);
  }
}
