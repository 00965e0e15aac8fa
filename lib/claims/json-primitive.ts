/**
 * A JSON value that is neither an object nor an array.
 *
 * @publicApi
 */
export type JsonPrimitive = string | number | boolean | null;

/** Whether JSON preserves a value; it loses NaN and the infinities. */
export function isJsonPrimitive(value: unknown): value is JsonPrimitive {
  if (typeof value === 'number') return Number.isFinite(value);
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

/** @throws {TypeError} if no claim can have the validator's value: a misspelt constant would let everybody pass */
export function checkValidatorValue<T>(value: T): T {
  if (isJsonPrimitive(value)) return value;
  throw new TypeError(
    `The value of a claim validator is of type ${typeof value}; it must be a string, a number, a boolean or null.`,
  );
}
