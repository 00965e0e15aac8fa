import type { AccessTokenClaims } from '../../tokens/access-token.js';

/** An access token with what it says, and the part of it that the browser may read. */
export interface MintedAccessToken {
  readonly accessToken: string;
  readonly claims: Readonly<AccessTokenClaims>;
  readonly frontToken: string;
}

/** The tokens of one answer: a new access token always, the others where they are new too. */
export interface MintedTokens extends MintedAccessToken {
  readonly refreshToken?: string | undefined;
  readonly antiCsrfToken?: string | undefined;
  /** Until when the session lives without another refresh, in milliseconds since the epoch. */
  readonly sessionExpiresAtMs: number;
  /** Whether the cookies outlive the browser. */
  readonly persistent: boolean;
}
