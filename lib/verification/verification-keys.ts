import type { AccessTokenVerificationKey } from '../tokens/access-token.js';

/** The keys that verify access tokens: from the database, or from an issuer's JWKS. */
export interface VerificationKeys {
  /**
   * The key of this id, as long as it is trusted. It is the same object each time, so that a change of key is visible.
   */
  findVerificationKey(kid: string): AccessTokenVerificationKey | undefined;

  /**
   * The same, however long ago the keys were read: open connections continue with the last known keys. A key that has
   * retired, but was not revoked, may be known for longer than it is trusted.
   */
  findKnownKey(kid: string): AccessTokenVerificationKey | undefined;

  /** Whether they were read so long ago that they must be read again before they judge a token. */
  readonly areTooOld?: boolean;

  /** Reads the keys again if a token names an unknown one, or they are too old; at most once in a few seconds. */
  reloadForUnknownKey(): Promise<void>;
}

/** The injection token of the keys. */
export const VERIFICATION_KEYS = Symbol('VERIFICATION_KEYS');
