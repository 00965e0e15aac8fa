import type { AccessTokenVerificationKey } from '../tokens/access-token.js';

/** The keys by which access tokens are verified: from the database, or from an issuer's JWKS. */
export interface VerificationKeys {
  /** The key of this id, as long as it is trusted. The same object each time, so that a change of key shows. */
  findVerificationKey(kid: string): AccessTokenVerificationKey | undefined;

  /** Reads the keys again because a token names one that is not known; at most once in a few seconds. */
  reloadForUnknownKey(): Promise<void>;
}

/** The injection token of the keys. */
export const VERIFICATION_KEYS = Symbol('VERIFICATION_KEYS');
