import { checkValidatorValue, isJsonPrimitive, type JsonPrimitive } from './json-primitive.js';
import { MAX_VALUES } from './payload-rules.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import { SessionClaim } from './session-claim.js';
import { valueValidator, type ValueRule } from './value-validator.js';

/**
 * The validators of a claim with several values. Each takes the value's maximum age in seconds (default: the claim's
 * own). It also takes the id that names a failure to the client (default: the claim's key). None of them holds if the
 * session has no value, including those that exclude values.
 *
 * @publicApi
 */
export interface PrimitiveArrayClaimValidators<T extends JsonPrimitive> {
  /** Holds when the value is among them. */
  readonly includes: (value: T, maxAgeInSeconds?: number, id?: string) => SessionClaimValidator;
  /** Holds when the value is not among them. */
  readonly excludes: (value: T, maxAgeInSeconds?: number, id?: string) => SessionClaimValidator;
  /** Holds when every one of the values is among them. */
  readonly includesAll: (
    values: readonly T[],
    maxAgeInSeconds?: number,
    id?: string,
  ) => SessionClaimValidator;
  /** Holds when at least one of the values is among them. */
  readonly includesAny: (
    values: readonly T[],
    maxAgeInSeconds?: number,
    id?: string,
  ) => SessionClaimValidator;
  /** Holds when none of the values is among them. */
  readonly excludesAll: (
    values: readonly T[],
    maxAgeInSeconds?: number,
    id?: string,
  ) => SessionClaimValidator;
}

/**
 * A claim whose value is a list of strings, numbers, booleans or `null`.
 *
 * @example
 * const teams = new PrimitiveArrayClaim<string>({ key: 'teams', fetchValue: ({ userId }) => teamsOf(userId) });
 * teams.validators.includesAny(['red', 'blue']);
 * @publicApi
 */
export class PrimitiveArrayClaim<T extends JsonPrimitive> extends SessionClaim<readonly T[]> {
  /** Makes the validators of this claim. */
  readonly validators: PrimitiveArrayClaimValidators<T> = {
    includes: (value, ...rest) =>
      valueValidator(this, includes(checkValidatorValue(value)), ...rest),
    excludes: (value, ...rest) =>
      valueValidator(this, excludes(checkValidatorValue(value)), ...rest),
    includesAll: (values, ...rest) => valueValidator(this, includesAll(copyOf(values)), ...rest),
    includesAny: (values, ...rest) => valueValidator(this, includesAny(copyOf(values)), ...rest),
    excludesAll: (values, ...rest) => valueValidator(this, excludesAll(copyOf(values)), ...rest),
  };

  protected override isValue(value: unknown): value is readonly T[] {
    return Array.isArray(value) && value.length <= MAX_VALUES && value.every(isJsonPrimitive);
  }
}

function includes<T>(value: T): ValueRule<readonly T[]> {
  const expected = { expectedToInclude: value };
  return { holds: (actual) => actual.includes(value), ifMissing: expected, ifWrong: expected };
}

function excludes<T>(value: T): ValueRule<readonly T[]> {
  const expected = { expectedToNotInclude: value };
  return { holds: (actual) => !actual.includes(value), ifMissing: expected, ifWrong: expected };
}

function includesAll<T>(values: readonly T[]): ValueRule<readonly T[]> {
  const expected = { expectedToInclude: values };
  return {
    holds: (actual) => values.every((value) => actual.includes(value)),
    ifMissing: expected,
    ifWrong: expected,
  };
}

function includesAny<T>(values: readonly T[]): ValueRule<readonly T[]> {
  return {
    holds: (actual) => values.some((value) => actual.includes(value)),
    // SuperTokens' backend uses this name, the opposite of what is meant, and clients read its reasons.
    ifMissing: { expectedToNotInclude: values },
    ifWrong: { expectedToIncludeAtLeastOneOf: values },
  };
}

function excludesAll<T>(values: readonly T[]): ValueRule<readonly T[]> {
  const expected = { expectedToNotInclude: values };
  return {
    holds: (actual) => !values.some((value) => actual.includes(value)),
    ifMissing: expected,
    ifWrong: expected,
  };
}

// A string instead of a list would be compared letter by letter, and let excluded users pass.
function copyOf<T>(values: readonly T[]): readonly T[] {
  const list = listOf(values);
  if (list !== undefined) return Object.freeze(list.map(checkValidatorValue));
  throw new TypeError(
    `The values of a claim validator are of type ${typeof values}; they must be an array.`,
  );
}

function listOf<T>(values: readonly T[]): readonly T[] | undefined {
  try {
    if (!Array.isArray(values) || values.length > MAX_VALUES) return undefined;
    // Without its iterator, and with its holes.
    return Array.from({ length: values.length }, (_, index) => values[index] as T);
  } catch {
    return undefined;
  }
}
