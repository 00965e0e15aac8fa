/**
 * The claims of an access token, a JSON object. An application writes only its own claims, and reads the reserved ones
 * (`sub`, `iat`, `sessionHandle` and so on) beside them. Clients can read it.
 *
 * Declare the application's claims once, so that everything that takes or returns a payload knows their types:
 *
 * @example
 * ```ts
 * declare module 'nestjs-auth-sessions' {
 *   interface AccessTokenPayload { plan?: 'free' | 'gold' }
 * }
 * ```
 * @publicApi
 */
export interface AccessTokenPayload {
  [claim: string]: unknown;
}

/**
 * The claims that every access token has in addition to the application's own. Times in seconds since the epoch.
 *
 * @publicApi
 */
export interface ReservedClaims {
  /** The user's id. */
  sub: string;
  /** The tenant's id. */
  tId: string;
  sessionHandle: string;
  iat: number;
  exp: number;
  /** When the user last proved their identity; 0 if somebody else acts as the user. */
  auth_time: number;
  refreshTokenHash1: string;
  parentRefreshTokenHash1: string | null;
  antiCsrfToken: string | null;
  /** The actor and their own session, if somebody else acts as the user; absent in the user's own sessions. */
  act?: { readonly sub: string; readonly sid: string; readonly tId: string };
  iss?: string;
  aud?: string;
}

/**
 * The changes to merge into a payload: each claim with its new value, or `null` to delete it.
 *
 * @publicApi
 */
export type PayloadUpdate = {
  readonly [Claim in keyof AccessTokenPayload]?: AccessTokenPayload[Claim] | null;
};
