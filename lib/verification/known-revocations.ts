import type { RevocationReason } from '../events/end-reason.js';

/** The session that an access token names. */
export interface JudgedSession {
  readonly handle: string;
  readonly userId: string;
  readonly tenantId: string;
}

/** News of ended sessions and stale claims. Times in milliseconds since the epoch. */
export type RevocationNews =
  | { readonly kind: 'session'; readonly handle: string; readonly reason: RevocationReason }
  | {
      readonly kind: 'cut-off';
      /** The user of the sessions; null means everyone. */
      readonly userId: string | null;
      /** The tenant of the sessions; null means all of them. */
      readonly tenantId: string | null;
      readonly reason: RevocationReason;
    }
  | { readonly kind: 'stale-claims'; readonly userId: string }
  /** The feed could not be read for longer than its lines count, so some were missed. */
  | { readonly kind: 'gap' };

/** The revoked sessions that are known without a query, from the database's feed or from an issuer's. */
export interface KnownRevocations {
  isRevoked(session: JudgedSession): boolean;

  /** The time since which a user's claims are stale, in milliseconds since the epoch; `undefined` if they are not. */
  staleClaimsSinceMs(userId: string): number | undefined;

  /** Whether the news is too old to rely on alone. */
  readonly isStale: boolean;

  /** The age at which the news is too old, in milliseconds; infinite if it is never too old, or if there is none. */
  readonly maxStalenessMs: number;

  /** How long an access token is valid at most, in milliseconds. Revocations are not remembered for longer. */
  readonly accessTokenLifetimeMs: number;
}

/** The same, for holders of open connections, who hear of their ends. */
export interface TellingRevocations extends KnownRevocations {
  /**
   * Calls the listener with news, in the same turn in which this instance learns it. It also calls with an empty list
   * after each look, as a heartbeat.
   *
   * @returns a function that ends the subscription
   */
  onNews(listener: (news: readonly RevocationNews[]) => void): () => void;
}

/** The injection token of the revocations. */
export const KNOWN_REVOCATIONS = Symbol('KNOWN_REVOCATIONS');
