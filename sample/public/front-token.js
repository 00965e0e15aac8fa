/**
 * The page's information about its session: `{ userId, expiresAtMs, claims }`, or undefined if nobody is logged in. The
 * SDK keeps it in its own cookie, `sFrontToken`. It holds no secret, because the tokens are in cookies that no script
 * reads.
 *
 * The SDK's `getAccessTokenPayloadSecurely()` returns the claims too, but first refreshes an expired access token. This
 * page wants to show exactly that moment.
 */
export function knownSession() {
  const frontToken = document.cookie.split('; ').find((pair) => pair.startsWith('sFrontToken='));
  if (frontToken === undefined) return undefined;
  const binary = atob(frontToken.slice('sFrontToken='.length));
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  const { uid, ate, up } = JSON.parse(new TextDecoder().decode(bytes));
  return { userId: uid, expiresAtMs: ate, claims: up };
}
