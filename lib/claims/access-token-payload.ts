/**
 * The claims of an access token, a JSON object: where an application writes it, its own claims; where it reads it,
 * the reserved ones (`sub`, `iat`, `sessionHandle` and so on) stand beside them. Clients can read it.
 *
 * Declare the application's claims once, and everything that gives or takes a payload knows their types:
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
 * What is merged into a payload: each claim with its new value, or `null` to delete it.
 *
 * @publicApi
 */
export type PayloadUpdate = {
  readonly [Claim in keyof AccessTokenPayload]?: AccessTokenPayload[Claim] | null;
};
