/** A value that a request shows where a token of ours may be. */
export interface ShownValue {
  readonly text: string;
  /** The name of the cookie that holds it; `undefined`: the header `Authorization`. */
  readonly cookie: string | undefined;
}

/** A value that a key of ours made, with what it says. */
export interface AuthenticValue<T> extends ShownValue {
  readonly token: T;
}

/** What a text comes to by the keys that are known here. `foreign`: it has not even the form of a token of ours. */
export type Reading<T> = { readonly token: T } | 'foreign' | 'forged' | 'unknown-key';

/** The values of a request, sorted by whose they are; each in the order in which it was shown. */
export interface JudgedValues<T> {
  readonly authentic: readonly AuthenticValue<T>[];
  /** They name a key that is not known here, and may be of one that was made a moment ago or has been retired. */
  readonly unknown: readonly ShownValue[];
  /** No key of ours made them, so they are nobody's. */
  readonly strays: readonly ShownValue[];
}

// A request must not buy more signature checks than this by what it puts beside its token.
const MAX_JUDGED = 8;

/**
 * Sorts the values that a request shows by whose they are. The same value twice is one. What no key of ours made is
 * nobody's: it takes nothing from the values beside it, as anybody may have put it there.
 *
 * @param read what a text comes to; without a look at the database
 */
export function judgeValues<T>(
  shown: readonly ShownValue[],
  read: (text: string) => Reading<T>,
): JudgedValues<T> {
  const authentic: AuthenticValue<T>[] = [];
  const unknown: ShownValue[] = [];
  const strays: ShownValue[] = [];
  const seen = new Set<string>();
  let judged = 0;
  for (const value of shown) {
    if (seen.has(value.text)) continue;
    seen.add(value.text);
    const reading = judged < MAX_JUDGED ? read(value.text) : 'forged';
    if (reading !== 'foreign') judged += 1;
    if (typeof reading === 'object') authentic.push({ ...value, token: reading.token });
    else if (reading === 'unknown-key') unknown.push(value);
    else strays.push(value);
  }
  return { authentic, unknown, strays };
}

/** The authentic values by the place where they stand, in the order in which places count. */
export function byPlace<T>(
  values: readonly AuthenticValue<T>[],
): readonly (readonly AuthenticValue<T>[])[] {
  const places = new Map<string | undefined, AuthenticValue<T>[]>();
  for (const value of values) {
    const place = places.get(value.cookie);
    if (place === undefined) places.set(value.cookie, [value]);
    else place.push(value);
  }
  return [...places.values()];
}

export function transferMethodOf({ cookie }: ShownValue): 'cookie' | 'header' {
  return cookie === undefined ? 'header' : 'cookie';
}
