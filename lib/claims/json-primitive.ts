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

/** @throws {TypeError} for the value of a validator that no claim can have: a misspelt constant would let everybody pass */
export function checkValidatorValue<T>(value: T): T {
  if (isJsonPrimitive(value)) return value;
  throw new TypeError(
    `The value of a claim validator is of type ${typeof value}; it must be a string, a number, a boolean or null.`,
  );
}
