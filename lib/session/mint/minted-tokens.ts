import type { AccessTokenClaims } from '../../tokens/access-token.js';

/** An access token with its claims, and the part of it that the browser may read. */
export interface MintedAccessToken {
  readonly accessToken: string;
  readonly claims: Readonly<AccessTokenClaims>;
  readonly frontToken: string;
}

/** The tokens of one answer: always a new access token, and the others if they are new. */
export interface MintedTokens extends MintedAccessToken {
  readonly refreshToken?: string | undefined;
  readonly antiCsrfToken?: string | undefined;
  /** Until when the session lives without another refresh, in milliseconds since the epoch. */
  readonly sessionExpiresAtMs: number;
  /** Whether the cookies outlive the browser. */
  readonly persistent: boolean;
}
