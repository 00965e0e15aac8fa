import type { AccessTokenClaims } from '../../tokens/access-token.js';

/** The tokens of one answer: always a new access token, and the others if they are new. */
export interface MintedTokens {
  readonly accessToken: string;
  readonly claims: Readonly<AccessTokenClaims>;
  /** The part of the access token that the browser may read. */
  readonly frontToken: string;
  readonly refreshToken?: string | undefined;
  readonly antiCsrfToken?: string | undefined;
  /** Until when the session lives without another refresh, in milliseconds since the epoch. */
  readonly sessionExpiresAtMs: number;
  /** Whether the cookies outlive the browser. */
  readonly persistent: boolean;
}
