import { LRUCache } from 'lru-cache';
import type { AccessTokenClaims, AccessTokenVerificationKey } from '../../tokens/access-token.js';

// A long token counts as several, so that memory is limited by size too.
const USUAL_TOKEN = 2_048;
const LONGEST_TOKEN = 16_384;

/** An access token whose signature and form have been checked. Its claims are frozen all the way down. */
export interface VerifiedToken {
  readonly token: string;
  readonly claims: Readonly<AccessTokenClaims>;
  readonly key: AccessTokenVerificationKey;
}

/**
 * Remembers verified access tokens by their exact text, so that each instance checks a signature once. Changeable facts
 * (expiry, revocation, trust in the key) are not remembered, but checked at each use.
 */
export class VerifiedTokenCache {
  private readonly tokens: LRUCache<string, VerifiedToken> | undefined;

  /** @param max the highest number of tokens; `false`: none */
  constructor(options: false | { readonly max: number }) {
    if (options === false) return;
    const maxSize = Math.max(LONGEST_TOKEN, options.max * USUAL_TOKEN);
    this.tokens = new LRUCache({
      max: options.max,
      maxSize,
      sizeCalculation: ({ token }) => token.length,
    });
  }

  find(token: string): VerifiedToken | undefined {
    return this.tokens?.get(token);
  }

  /** Whether a token is remembered. Asking does not count as use. */
  has(token: string): boolean {
    return this.tokens?.has(token) === true;
  }

  remember(verified: VerifiedToken): void {
    this.tokens?.set(verified.token, verified);
  }

  forget(token: string): void {
    this.tokens?.delete(token);
  }

  get size(): number {
    return this.tokens?.size ?? 0;
  }
}

/** A copy of a string with its own memory: a part cut from a header would keep the whole header alive. */
export function ownCopy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
