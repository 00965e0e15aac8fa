import {
  byPlace,
  type AuthenticValue,
  type JudgedValues,
  type ShownValue,
} from './shown-values.js';

/** A token with its session and the time when it was made. */
interface SessionToken {
  readonly claims: { readonly sessionHandle: string; readonly iat: number };
}

/** The effective access token of a request. */
export type ChosenAccessToken<T> =
  | { readonly kind: 'token'; readonly value: AuthenticValue<T> }
  /** Several are good, but belong to different sessions. */
  | { readonly kind: 'ambiguous'; readonly cookie: string | undefined }
  /** No key of ours made any value in our places. */
  | { readonly kind: 'invalid' }
  /** The same, but it names an unknown key: a retired key of ours may have made it. */
  | { readonly kind: 'outdated' }
  | { readonly kind: 'none' };

/** The standing of an authentic token. `stale`: a refresh may give a good one. `over`: its session was revoked. */
export type TokenStanding = 'good' | 'stale' | 'over';

/**
 * Chooses one of a request's access tokens. A header precedes a cookie, and the cookie name with the strongest proof
 * comes first. A token whose session is over is nobody's. Of several values under one name, the good one counts, or the
 * newest of its session. Between two sessions, there is no choice.
 *
 * @param isAccessTokenLike a foreign token in `Authorization` belongs to the application, and is ignored
 */
export function chooseAccessToken<T extends SessionToken>(
  { authentic, unknown, strays }: JudgedValues<T>,
  standingOf: (token: T) => TokenStanding,
  isAccessTokenLike: (text: string) => boolean,
): ChosenAccessToken<T> {
  const [first] = authentic;
  if (first === undefined) {
    const isInOurPlace = ({ cookie, text }: ShownValue) =>
      cookie !== undefined || isAccessTokenLike(text);
    if (unknown.some(isInOurPlace)) return { kind: 'outdated' };
    return { kind: strays.some(isInOurPlace) ? 'invalid' : 'none' };
  }
  for (const place of byPlace(authentic)) {
    const [newest, ...others] = place
      .filter(({ token }) => standingOf(token) === 'good')
      .toSorted(byNewest);
    if (newest === undefined) {
      // A client that sends a stale header must refresh that session, and not become the user of another one.
      const stale = place.find(
        ({ cookie, token }) => cookie === undefined && standingOf(token) === 'stale',
      );
      if (stale !== undefined) return { kind: 'token', value: stale };
      continue;
    }
    const { sessionHandle } = newest.token.claims;
    if (others.every(({ token }) => token.claims.sessionHandle === sessionHandle)) {
      return { kind: 'token', value: newest };
    }
    return { kind: 'ambiguous', cookie: newest.cookie };
  }
  return { kind: 'token', value: first };
}

function byNewest<T extends SessionToken>(a: AuthenticValue<T>, b: AuthenticValue<T>): number {
  return b.token.claims.iat - a.token.claims.iat;
}
