import type { AccessTokenClaims } from '../tokens/access-token.js';
import type { JudgedSession } from './known-revocations.js';

/** The session of an access token, as revocations name it. */
export function judgedSession(claims: Readonly<AccessTokenClaims>): JudgedSession {
  return { handle: claims.sessionHandle, userId: claims.sub, tenantId: claims.tId };
}

/** The own session of the person who acts in a session as its user; `undefined` if nobody does. */
export function judgedActor({ act }: Readonly<AccessTokenClaims>): JudgedSession | undefined {
  return act && { handle: act.sid, userId: act.sub, tenantId: act.tId };
}
