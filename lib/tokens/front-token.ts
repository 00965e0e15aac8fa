import { SERVER_ONLY_CLAIMS } from './reserved-claims.js';

/** The value of `front-token` that tells the client to forget its session. */
export const FRONT_TOKEN_REMOVE = 'remove';

/**
 * The part of a session that the browser's code may read: base64 (standard alphabet, padded) of `{ uid, ate, up }`.
 * `ate` is the access token's expiry in milliseconds. Public text: it holds no secret.
 *
 * @param shownClaims names of the user's own claims to show; `undefined` shows all
 * @see SuperTokens' front token
 */
export function frontTokenFor(
  payload: Readonly<Record<string, unknown>> & { sub: string; exp: number },
  isShown: (claim: string) => boolean = () => true,
): string {
  // Without a prototype, so that a claim may be named `__proto__`.
  const up = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(payload)) {
    if (SERVER_ONLY_CLAIMS.has(name) || !isShown(name)) continue;
    // The page may show that somebody else acts, but not who.
    up[name] = name === 'act' ? true : payload[name];
  }
  const front = { uid: payload.sub, ate: payload.exp * 1000, up };
  return Buffer.from(JSON.stringify(front), 'utf8').toString('base64');
}
