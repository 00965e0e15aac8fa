import type { Reading } from '../../tokens/reading.js';

/** A value in a place where a request may carry one of our tokens. */
export interface ShownValue {
  readonly text: string;
  /** The name of its cookie; `undefined`: the header `Authorization`. */
  readonly cookie: string | undefined;
}

/** A value that one of our keys made, with its content. */
export interface AuthenticValue<T> extends ShownValue {
  readonly token: T;
}

/** The values of a request, sorted by origin, each in the request's order. */
export interface JudgedValues<T> {
  readonly authentic: readonly AuthenticValue<T>[];
  /** They name an unknown key, which may be brand-new or retired. */
  readonly unknown: readonly ShownValue[];
  /** No key of ours made them. */
  readonly strays: readonly ShownValue[];
}

/** A request's extra values must not cost more signature checks than this. */
export const MAX_JUDGED = 8;
/** The values of other software that are looked at in one place. The rest are strays unseen. */
const MAX_FOREIGN = 64;

/**
 * Sorts the values of a request by origin. Equal values count once. A value that no key of ours made is ignored,
 * because anybody may have put it there. It does not affect the others.
 *
 * @param read reads a text without a query
 */
export function judgeValues<T>(
  shown: readonly ShownValue[],
  read: (text: string) => Reading<T>,
): JudgedValues<T> {
  const readings = new Map<string, Reading<T>>();
  const foreign = new Map<string | undefined, number>();
  let judged = 0;
  for (const { text, cookie } of fromTheEnds(shown)) {
    if (readings.has(text)) continue;
    const passed = foreign.get(cookie) ?? 0;
    const reading = judged < MAX_JUDGED && passed < MAX_FOREIGN ? read(text) : 'foreign';
    if (reading === 'foreign') foreign.set(cookie, passed + 1);
    else judged += 1;
    readings.set(text, reading);
  }
  const authentic: AuthenticValue<T>[] = [];
  const unknown: ShownValue[] = [];
  const strays: ShownValue[] = [];
  for (const value of shown) {
    const reading = readings.get(value.text);
    if (reading === undefined) continue;
    readings.delete(value.text);
    if (typeof reading === 'object') authentic.push({ ...value, token: reading.token });
    else if (reading === 'unknown-key') unknown.push(value);
    else strays.push(value);
  }
  return { authentic, unknown, strays };
}

/**
 * The order in which values are judged: each place's last, then its first, and so on to the middle. Browsers send
 * cookies with a longer path first (RFC 6265 §5.4). A sibling host can set any number under our name on longer paths.
 * Behind a cookie on `/` it can set few, and before a cookie on the request's own path as well.
 */
function fromTheEnds(shown: readonly ShownValue[]): readonly ShownValue[] {
  const ranked = byPlace(shown).flatMap((values) =>
    values.map((value, index) => {
      const rank = Math.min(2 * (values.length - 1 - index), 2 * index + 1);
      return { value, rank };
    }),
  );
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ value }) => value);
}

/** The values by their places, in the order of importance. */
export function byPlace<Value extends ShownValue>(
  values: readonly Value[],
): readonly (readonly Value[])[] {
  const places = new Map<string | undefined, Value[]>();
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
