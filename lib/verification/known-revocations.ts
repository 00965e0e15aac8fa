/** The session that an access token speaks of. */
export interface JudgedSession {
  readonly handle: string;
  readonly userId: string;
  readonly tenantId: string;
}

/** What is known of revoked sessions without a query: from the database's feed, or from an issuer's. */
export interface KnownRevocations {
  isRevoked(session: JudgedSession): boolean;

  /** Since when a user's claims count as stale, in milliseconds since the epoch; `undefined`: they don't. */
  staleClaimsSinceMs(userId: string): number | undefined;

  /** Whether what is known is too old to be trusted alone. */
  readonly isStale: boolean;
}

/** The injection token of the revocations. */
export const KNOWN_REVOCATIONS = Symbol('KNOWN_REVOCATIONS');
