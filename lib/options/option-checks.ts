/** Names the kind of a value that is not allowed. It never shows the value, which may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

// The latter is what `import * as options from './options.js'` gives.
const HOLDERS = ['[object Object]', '[object Module]'];

/**
 * Whether a value can hold options: a plain object or a module. A promise that nobody awaited and a `Map` have no
 * properties, so they would silently mean the defaults.
 *
 * @throws if a getter or a proxy throws
 */
export function isOptionsObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    HOLDERS.includes(Object.prototype.toString.call(value))
  );
}

// A proxy's prototype chain can be endless.
const MOST_CLASSES = 10;

/**
 * Names that an options object inherits from its class or from another prototype: getters and enumerable values, but no
 * methods.
 *
 * @throws if a proxy throws
 */
export function inheritedNames(value: object): string[] {
  const names: string[] = [];
  let each: unknown = Object.getPrototypeOf(value);
  for (let depth = 0; depth < MOST_CLASSES && isObject(each); depth += 1) {
    const above: unknown = Object.getPrototypeOf(each);
    // The last prototype is JavaScript's own.
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

// `Array.isArray` throws for a revoked proxy.
function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

// No list of options is longer, and a sparse array of a huge length takes minutes to walk.
export const MAX_ITEMS = 10_000;
const MAX_NAME_LENGTH = 64;

/**
 * Copies an array by its length alone, because its iterator can be endless.
 *
 * @returns `undefined` if the value is not an array, or is longer than any list of options
 * @throws if a proxy throws
 */
export function itemsOf(value: unknown): unknown[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_ITEMS) return undefined;
  return Array.from({ length: value.length }, (_, index): unknown => value[index]);
}

// An option's name can be any text, and messages go into a log.
export function printable(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).replaceAll(/[^\x20-\x7e]/g, '?');
}

/** Whether a value can be an injection token. */
export function isToken(
  value: unknown,
): value is symbol | string | ((...given: never[]) => unknown) {
  return typeof value === 'symbol' || typeof value === 'string' || isFunction(value);
}

export function isFunction(value: unknown): value is (...given: unknown[]) => unknown {
  return typeof value === 'function';
}

/** A conversion that returns an allowed value unchanged. */
export function only<T>(
  isAllowed: (value: unknown) => value is T,
): (value: unknown) => T | undefined {
  return (value) => (isAllowed(value) ? value : undefined);
}
