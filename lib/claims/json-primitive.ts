/**
 * A JSON value that is neither an object nor an array.
 *
 * @publicApi
 */
export type JsonPrimitive = string | number | boolean | null;

/** Whether a value comes back from JSON as it went in; NaN and the infinities do not. */
export function isJsonPrimitive(value: unknown): value is JsonPrimitive {
  if (typeof value === 'number') return Number.isFinite(value);
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}
