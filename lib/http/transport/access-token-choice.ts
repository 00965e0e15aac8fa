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
  | {
      readonly kind: 'token';
      readonly value: AuthenticValue<T>;
      /** Tokens of other sessions that are no longer good, in the same place or before it. */
      readonly rivals: readonly AuthenticValue<T>[];
    }
  /** Several are good, but belong to different sessions. */
  | { readonly kind: 'ambiguous'; readonly cookie: string | undefined }
  /** No key of ours made any value in our places. */
  | { readonly kind: 'invalid' }
  /** The same, but it names an unknown key: a retired key of ours may have made it. */
  | { readonly kind: 'outdated' }
  | { readonly kind: 'none' };

/**
 * Chooses one of a request's access tokens. One of our headers precedes a cookie, and the cookie name with the
 * strongest proof comes first. Of several values under one name, the good one counts, or the newest of its session.
 * Between two sessions, there is no choice.
 *
 * @param isGood whether an authentic token is still usable
 * @param isAccessTokenLike a foreign token in `Authorization` belongs to the application, and is ignored
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
  if (first.cookie === undefined) return { kind: 'token', value: first, rivals: [] };
  const passed: AuthenticValue<T>[] = [];
  for (const place of byPlace(authentic)) {
    passed.push(...place);
    const good = place.filter(({ token }) => isGood(token)).toSorted(byNewest);
    const [newest] = good;
    if (newest === undefined) continue;
    const { sessionHandle } = newest.token.claims;
    const isOther = ({ token }: AuthenticValue<T>) => token.claims.sessionHandle !== sessionHandle;
    if (good.some(isOther)) return { kind: 'ambiguous', cookie: newest.cookie };
    return { kind: 'token', value: newest, rivals: passed.filter(isOther) };
  }
  return { kind: 'token', value: first, rivals: [] };
}

function byNewest<T extends SessionToken>(a: AuthenticValue<T>, b: AuthenticValue<T>): number {
  return b.token.claims.iat - a.token.claims.iat;
}
