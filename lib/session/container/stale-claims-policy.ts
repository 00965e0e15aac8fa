import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { SessionClaim } from '../../claims/session-claim.js';

/** The treatment of claims that were fetched before they changed: the owner of the sessions renews them. */
export interface StaleClaimsPolicy<S> {
  /**
   * The claims of a payload that must be fetched again, of those that are registered or asked for. No query.
   *
   * @param asked the conditions that the session must meet
   */
  in(
    payload: Readonly<AccessTokenPayload>,
    userId: string,
    asked?: readonly SessionClaimValidator[],
  ): readonly SessionClaim<unknown>[];

  /** Updates a session's claims, or refuses the session. Without stale claims, it makes no query. */
  renewIn(session: S): Promise<void>;
}

/** The injection token of the policy. */
export const STALE_CLAIMS_POLICY = Symbol('STALE_CLAIMS_POLICY');
