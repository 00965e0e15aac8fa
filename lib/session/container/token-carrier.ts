import type { MintedTokens } from '../mint/minted-tokens.js';

/** Brings tokens to one client with one response. The code that knows requests and responses implements it. */
export interface TokenCarrier {
  /** Whether the answer has begun, so that it brings no tokens any more. */
  readonly isTooLate: boolean;
  /** Writes nothing for a session that has given way to another one in this answer. */
  writeTokens(tokens: MintedTokens): void;
  /** Removes the tokens of a session, but not those of another one that the answer brings. */
  clearTokens(sessionHandle: string): void;
}

/** Makes the carrier of a request and its response. */
export interface TokenCarrierFactory {
  carrierFor(
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header',
  ): TokenCarrier;
}

/** The injection token of the factory. */
export const TOKEN_CARRIERS = Symbol('TOKEN_CARRIERS');
