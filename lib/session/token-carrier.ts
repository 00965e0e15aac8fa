import type { SessionTokens } from './session-tokens.js';

/** Brings tokens to one client by one response; implemented where requests and responses are known. */
export interface TokenCarrier {
  writeTokens(tokens: SessionTokens): void;
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
