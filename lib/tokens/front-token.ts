import { SERVER_ONLY_CLAIMS } from './reserved-claims.js';

/** What the `front-token` header says when the client shall forget its session. */
export const FRONT_TOKEN_REMOVE = 'remove';

/**
 * The part of a session that the browser's code may read: base64 (standard alphabet, padded) of
 * `{ uid, ate, up }`, where `ate` is the access token's expiry in milliseconds. Public text: it holds no secret.
 *
 * @param shownClaims names of the user's own claims to show; all where it is `undefined`
 * @see SuperTokens' front token
 */
export function frontTokenFor(
  payload: Readonly<Record<string, unknown>> & { sub: string; exp: number },
  isShown: (claim: string) => boolean = () => true,
): string {
  // Without a prototype, so that a claim may be called `__proto__`.
  const up = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(payload)) {
    if (!SERVER_ONLY_CLAIMS.has(name) && isShown(name)) up[name] = payload[name];
  }
  const front = { uid: payload.sub, ate: payload.exp * 1000, up };
  return Buffer.from(JSON.stringify(front), 'utf8').toString('base64');
}
