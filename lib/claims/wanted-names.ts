import type { PrimitiveArrayClaim } from './primitive-array-claim.js';
import type { SessionClaimValidator } from './session-claim-validator.js';

/** Names of roles or permissions: a user must have all of a list, or at least one of `any`. @publicApi */
export type WantedNames = readonly string[] | { readonly any: readonly string[] };

/** Whether nothing is required, as with an empty list. */
export function areNone(wanted: WantedNames): boolean {
  return !('any' in wanted) && wanted.length === 0;
}

/** Validators for a session whose claim must hold these names. */
export function wantedValidators(
  wanted: WantedNames,
  { validators }: PrimitiveArrayClaim<string>,
): SessionClaimValidator[] {
  if ('any' in wanted) return [validators.includesAny(wanted.any)];
  const hasAll = validators.includesAll(wanted);
  return areNone(wanted) ? [] : [hasAll];
}
