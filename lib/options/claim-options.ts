import { isValidator } from '../claims/session-claim-validator.js';
import { SessionClaim } from '../claims/session-claim.js';
import type { OptionReader } from './option-checks.js';
import type { ClaimOrToken, ValidatorOrToken } from './session-module-options.js';

/** Claims by value or by the token of their provider, which is looked up when the module starts. */
export function readClaims(reader: OptionReader): readonly ClaimOrToken[] {
  const value = reader.valueOr('claims', []);
  if (Array.isArray(value) && value.every(isClaimOrToken)) return [...value];
  return reader.refuse('claims', value, 'an array of claims, or of tokens of their providers', []);
}

/** The same for validators. */
export function readValidators(reader: OptionReader): readonly ValidatorOrToken[] {
  const value = reader.valueOr('globalClaimValidators', []);
  if (Array.isArray(value) && value.every(isValidatorOrToken)) return [...value];
  const allowed = 'an array of claim validators, or of tokens of their providers';
  return reader.refuse('globalClaimValidators', value, allowed, []);
}

function isClaimOrToken(value: unknown): value is ClaimOrToken {
  return value instanceof SessionClaim || isToken(value);
}

function isValidatorOrToken(value: unknown): value is ValidatorOrToken {
  return isValidator(value) || isToken(value);
}

function isToken(value: unknown): boolean {
  return typeof value === 'symbol' || typeof value === 'string' || typeof value === 'function';
}
