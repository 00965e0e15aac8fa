import type { KeyRing } from '../keys/key-ring.js';
import { ClaimFunctions } from './claim-functions.js';
import type { SessionClaims } from './session-claims.js';
import type { SessionRoles } from './session-functions.js';

/** What to do when a key or a copy of the database may have fallen into wrong hands: the drills of docs/operations.md. */
export abstract class EmergencyFunctions extends ClaimFunctions {
  /** @internal */
  constructor(
    roles: SessionRoles,
    claims: SessionClaims,
    protected readonly keys: KeyRing,
  ) {
    super(roles, claims);
  }

  /**
   * Takes a key of the server out of use: on this instance at once, on the others within five seconds. A new one takes
   * its place. Access tokens that a signing key (`d-`) has made are refused, and a refresh gives new ones: nobody is
   * logged out. With a secret of refresh tokens (`m-`) all refresh tokens go that it has made: whoever holds one logs in
   * again once the access token has expired.
   *
   * @param kid the key's id, as the JWKS route and the table of keys have it
   * @returns whether there was such a key
   * @throws {SessionStoreUnavailableException}
   */
  revokeKey(kid: string): Promise<boolean> {
    return this.keys.revoke(kid);
  }

  /**
   * Makes another secret for refresh tokens, in use from a minute later on. Refresh tokens of the former secret stay good
   * until that is revoked, which logs nobody out whose refresh token has been replaced since.
   *
   * @returns the key id of the new secret
   * @throws {SessionStoreUnavailableException}
   */
  addRefreshTokenSecret(): Promise<string> {
    return this.keys.addRefreshTokenSecret();
  }

  /**
   * Ends everyone's sessions, those included whose login is committed a moment later. On this instance all tokens are
   * refused at once, on the others within the poll interval of the revocation feed; the rows go in batches. Where it fails
   * halfway everything is over all the same, and `pruning` deletes the rest.
   *
   * @returns how many sessions there were
   * @throws {SessionStoreUnavailableException}
   */
  revokeEverything(): Promise<number> {
    return this.roles.revoker.revokeEverything();
  }
}
