import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import type { SessionContainer } from './session-container.js';

/** What happens to claims that were fetched before they changed: the owner of the sessions renews them. */
export interface StaleClaimsPolicy {
  /** The registered claims of a payload that have to be fetched again. No query. */
  in(payload: Readonly<AccessTokenPayload>, userId: string): readonly SessionClaim<unknown>[];

  /** Brings a session's claims up to date, or refuses it. No query where none is stale. */
  renewIn(session: SessionContainer): Promise<void>;
}

/** The injection token of the policy. */
export const STALE_CLAIMS_POLICY = Symbol('STALE_CLAIMS_POLICY');
