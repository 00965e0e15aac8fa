import { MAX_VALUES, PROTOTYPE_KEYS } from '../../claims/payload-rules.js';
import { SessionInputException } from '../../errors/session-input.exception.js';

/** A JSON object. @publicApi */
export type JsonObject = Record<string, unknown>;

const MAX_DEPTH = 16;
const MAX_KEYS = 256;

interface Count {
  keys: number;
  /** The values in arrays. */
  values: number;
}

/**
 * A deep copy of a JSON value, which can't change or surprise later: no cycles, no dates, no getters. `undefined`
 * properties are omitted, as in JSON.
 *
 * @throws {SessionInputException} that names the argument and the place in it, never a value
 */
export function toJsonObject(argument: string, value: unknown): JsonObject {
  try {
    if (!isPlainObject(value)) throw new SessionInputException(argument, 'must be a plain object');
    return copyObject(argument, value, '', 1, { keys: 0, values: 0 });
  } catch (error) {
    if (error instanceof SessionInputException) throw error;
    // A getter or a proxy may throw anything, and its message may contain secrets.
    throw new SessionInputException(argument, 'cannot be read: something in it throws');
  }
}

function copyObject(
  argument: string,
  source: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
  count: Count,
): JsonObject {
  const copy: JsonObject = {};
  for (const key of Object.keys(source)) {
    if (PROTOTYPE_KEYS.has(key)) {
      throw new SessionInputException(argument, `has a forbidden key: ${key}`);
    }
    count.keys += 1;
    if (count.keys > MAX_KEYS) {
      throw new SessionInputException(argument, `has more than ${MAX_KEYS} keys`);
    }
    const value = source[key];
    if (value !== undefined) copy[key] = copyValue(argument, value, `${path}.${key}`, depth, count);
  }
  return copy;
}

function copyValue(
  argument: string,
  value: unknown,
  path: string,
  depth: number,
  count: Count,
): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (depth >= MAX_DEPTH && typeof value === 'object') {
    throw new SessionInputException(argument, `is nested deeper than ${MAX_DEPTH} levels`);
  }
  if (Array.isArray(value)) {
    // Read once, and by index: an array can have its own, endless iterator.
    const { length } = value;
    count.values += length;
    if (!(count.values <= MAX_VALUES)) {
      throw new SessionInputException(argument, `has more than ${MAX_VALUES} values`);
    }
    return Array.from({ length }, (_, index) =>
      copyValue(argument, (value[index] as unknown) ?? null, `${path}[]`, depth + 1, count),
    );
  }
  if (isPlainObject(value)) return copyObject(argument, value, path, depth + 1, count);
  throw new SessionInputException(
    argument,
    `must hold JSON only; ${path.slice(1, 100)} is ${kindInJson(value)}`,
  );
}

function kindInJson(value: unknown): string {
  if (typeof value === 'number') return 'not a finite number';
  return typeof value === 'object' ? 'an instance of a class' : `a ${typeof value}`;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype || prototype === null) return true;
  // Each realm has an `Object.prototype` of its own. Under Jest, `fetch` and `structuredClone` give objects of Node's.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

/** Freezes a value and everything in it, so that no handler can change what the next request sees. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const name in value) if (typeof value[name] === 'object') deepFreeze(value[name]);
  return Object.freeze(value);
}
