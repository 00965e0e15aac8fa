/** Says what kind of value stands where another was expected, and never the value itself: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

// The latter is what `import * as options from './options.js'` gives.
const HOLDERS = ['[object Object]', '[object Module]'];

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
    HOLDERS.includes(Object.prototype.toString.call(value))
  );
}

// A proxy can go on without end.
const MOST_CLASSES = 10;

/**
 * What an object of options has by its class, or by another object that it goes back to: getters, and no class's functions.
 *
 * @throws where a proxy throws
 */
export function inheritedNames(value: object): string[] {
  const names: string[] = [];
  let each: unknown = Object.getPrototypeOf(value);
  for (let depth = 0; depth < MOST_CLASSES && isObject(each); depth += 1) {
    const above: unknown = Object.getPrototypeOf(each);
    // The last one is JavaScript's own.
    if (above === null) break;
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (!('value' in property) || property.enumerable === true) names.push(name);
    }
    each = above;
  }
  return names;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
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
