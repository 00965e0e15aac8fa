import type { MintedTokens } from '../mint/minted-tokens.js';

/** Brings tokens to one client with one response. The code that knows requests and responses implements it. */
export interface TokenCarrier {
  /** Whether the answer has begun, so that it brings no tokens any more. */
  readonly isTooLate: boolean;
  writeTokens(tokens: MintedTokens): void;
  clearTokens(): void;
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
