import {
  byPlace,
  type AuthenticValue,
  type JudgedValues,
  type ShownValue,
} from './shown-values.js';

/** A token that names its session, and says when it was made. */
interface SessionToken {
  readonly claims: { readonly sessionHandle: string; readonly iat: number };
}

/** Which access token of a request counts. */
export type ChosenAccessToken<T> =
  | { readonly kind: 'token'; readonly value: AuthenticValue<T> }
  /** Several are good, and not of one session. */
  | { readonly kind: 'ambiguous'; readonly cookie: string | undefined }
  /** There is something in our places that no key of ours has made. */
  | { readonly kind: 'invalid' }
  /** The same, but it names a key that is not known here: one of ours that has been retired may have made it. */
  | { readonly kind: 'outdated' }
  | { readonly kind: 'none' };

/**
 * A header of ours goes before a cookie, and of the cookies' names the one that proves most before another. Of several
 * values under one name the good one counts, be it the newest of its session; of two sessions none is guessed at.
 *
 * @param isGood whether an authentic token can still be used
 * @param isAccessTokenLike what is no token of ours in `Authorization` belongs to the application, and is ignored
 */
export function chooseAccessToken<T extends SessionToken>(
  { authentic, unknown, strays }: JudgedValues<T>,
  isGood: (token: T) => boolean,
  isAccessTokenLike: (text: string) => boolean,
): ChosenAccessToken<T> {
  const [first] = authentic;
  if (first === undefined) {
    const isInOurPlace = ({ cookie, text }: ShownValue) =>
      cookie !== undefined || isAccessTokenLike(text);
    if (unknown.some(isInOurPlace)) return { kind: 'outdated' };
    return { kind: strays.some(isInOurPlace) ? 'invalid' : 'none' };
  }
  if (first.cookie === undefined) return { kind: 'token', value: first };
  for (const place of byPlace(authentic)) {
    const good = place.filter(({ token }) => isGood(token)).toSorted(byNewest);
    const [newest] = good;
    if (newest === undefined) continue;
    const { sessionHandle } = newest.token.claims;
    if (good.every(({ token }) => token.claims.sessionHandle === sessionHandle)) {
      return { kind: 'token', value: newest };
    }
    return { kind: 'ambiguous', cookie: newest.cookie };
  }
  return { kind: 'token', value: first };
}

function byNewest<T extends SessionToken>(a: AuthenticValue<T>, b: AuthenticValue<T>): number {
  return b.token.claims.iat - a.token.claims.iat;
}
