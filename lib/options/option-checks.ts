/** Says what kind of value stands where another was expected, and never the value itself: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * Whether a value can hold options: an object, but none of a kind of its own. A promise that nobody has waited for, or a
 * `Map`, has no properties, and would silently mean the defaults.
 *
 * @throws where a getter or a proxy throws
 */
export function isOptionsObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) === '[object Object]'
  );
}

// `Array.isArray` throws for a proxy that has been revoked.
function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

// No list of options is longer, and the holes of one with a length alone take minutes to walk.
export const MAX_ITEMS = 10_000;
const MAX_NAME_LENGTH = 64;

/**
 * A copy of an array, by its length alone: an iterator can be one without end.
 *
 * @returns `undefined` for what is no array, or is longer than any list of options
 * @throws where a proxy throws
 */
export function itemsOf(value: unknown): unknown[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_ITEMS) return undefined;
  return Array.from({ length: value.length }, (_, index): unknown => value[index]);
}

// A name is whatever stands before a colon, and a message goes into a log.
export function printable(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).replaceAll(/[^\x20-\x7e]/g, '?');
}

/** What Nest knows a provider by. */
export function isToken(
  value: unknown,
): value is symbol | string | ((...given: never[]) => unknown) {
  return typeof value === 'symbol' || typeof value === 'string' || isFunction(value);
}

export function isFunction(value: unknown): value is (...given: unknown[]) => unknown {
  return typeof value === 'function';
}

/** A conversion that takes a value as it is, where it is allowed. */
export function only<T>(
  isAllowed: (value: unknown) => value is T,
): (value: unknown) => T | undefined {
  return (value) => (isAllowed(value) ? value : undefined);
}
