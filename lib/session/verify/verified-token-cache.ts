import { LRUCache } from 'lru-cache';
import {
  MAX_TOKEN_LENGTH,
  type AccessTokenClaims,
  type AccessTokenVerificationKey,
} from '../../tokens/access-token.js';

// A long token counts as several, so that memory is limited by size too.
const USUAL_TOKEN = 2_048;
const LONGEST_TOKEN = 16_384;
// Tokens are found by their last characters, and then compared. A hash of the whole text would take 1.5 of the 2.3 µs of a
// verification. The characters are the signature's, which nobody can choose; V8 copies so short a part, so that it does
// not keep the text alive.
const KEY_LENGTH = 12;

/** An access token whose signature and form have been checked. Its claims are frozen all the way down. */
export interface VerifiedToken {
  readonly token: string;
  readonly claims: Readonly<AccessTokenClaims>;
  readonly key: AccessTokenVerificationKey;
  /** Whether its sender is a page server whose browser has not got it yet. Such a token is not remembered. */
  readonly isUnseen?: boolean;
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

  /** @param token of any type, since applications call the functions with whatever a client sent */
  find(token: unknown): VerifiedToken | undefined {
    if (typeof token !== 'string') return undefined;
    const found = this.tokens?.get(keyOf(token));
    return found?.token === token ? found : undefined;
  }

  /** Whether a token is remembered. Asking does not count as use. */
  has(token: string): boolean {
    return this.tokens?.peek(keyOf(token))?.token === token;
  }

  remember(verified: VerifiedToken): void {
    this.tokens?.set(keyOf(verified.token), verified);
  }

  get size(): number {
    return this.tokens?.size ?? 0;
  }
}

function keyOf(token: string): string {
  return token.slice(-KEY_LENGTH);
}

// One for all copies: a buffer for each took 1.5 of the 40 µs of a token that is seen for the first time.
const scratch = Buffer.alloc(MAX_TOKEN_LENGTH);

/** A copy of a token with its own memory: a part cut from a header would keep the whole header alive. */
export function ownCopy(token: string): string {
  return scratch.toString('latin1', 0, scratch.write(token, 'latin1'));
}
