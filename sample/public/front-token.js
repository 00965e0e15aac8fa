/**
 * What the page may know of its session: `{ userId, expiresAtMs, claims }`, or undefined where nobody is logged in. The
 * SDK keeps it in a cookie of its own, `sFrontToken`. It holds no secret: the tokens are in cookies that no script reads.
 *
 * The SDK's `getAccessTokenPayloadSecurely()` gives the claims too; it refreshes first where the access token has
 * expired, and here the page wants to show exactly that moment.
 */
export function knownSession() {
  const frontToken = document.cookie.split('; ').find((pair) => pair.startsWith('sFrontToken='));
  if (frontToken === undefined) return undefined;
  const binary = atob(frontToken.slice('sFrontToken='.length));
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  const { uid, ate, up } = JSON.parse(new TextDecoder().decode(bytes));
  return { userId: uid, expiresAtMs: ate, claims: up };
}
