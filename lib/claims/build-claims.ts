import type { AccessTokenPayload } from './access-token-payload.js';
import { isClaimKey } from './claim-key.js';
import type { ClaimSubject, SessionClaim } from './session-claim.js';

/**
 * What a new session's claims put into its payload, over the user's own keys. They are fetched in their order, each
 * seeing the values of those before it. What a fetch throws is thrown: no session begins without its claims.
 *
 * @param nowMs the current time, in milliseconds since the epoch
 */
export async function buildClaims(
  claims: readonly SessionClaim<unknown>[],
  subject: ClaimSubject,
  nowMs: number,
): Promise<AccessTokenPayload> {
  let update: AccessTokenPayload = {};
  for (const claim of claims) {
    const accessTokenPayload = { ...subject.accessTokenPayload, ...update };
    update = { ...update, ...(await claim.build({ ...subject, accessTokenPayload }, nowMs)) };
  }
  // A subclass may shape its entry by itself, but not write what only the session says.
  return Object.fromEntries(Object.entries(update).filter(([name]) => isClaimKey(name)));
}
