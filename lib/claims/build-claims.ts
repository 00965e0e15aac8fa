import type { AccessTokenPayload } from './access-token-payload.js';
import { isClaimKey } from './claim-key.js';
import type { ClaimSubject, SessionClaim } from './session-claim.js';

/**
 * Builds the payload of a new session from its claims, on top of the user's own keys. The claims are fetched in order,
 * and each sees the values of those before it. Errors of a fetch are passed on: no session begins without its claims.
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
  // A subclass may shape its entry freely, but not write the claims that only the session writes.
  return Object.fromEntries(Object.entries(update).filter(([name]) => isClaimKey(name)));
}
