import { isValidator } from '../claims/session-claim-validator.js';
import { SessionClaim } from '../claims/session-claim.js';
import { isToken } from './option-checks.js';
import type { OptionReader } from './option-reader.js';
import type { ClaimOrToken, ValidatorOrToken } from './session-module-options.js';

/** Reads claims, each given by value or by its provider's token. Tokens are looked up when the module starts. */
export function readClaims(reader: OptionReader): readonly ClaimOrToken[] {
  return reader.list('claims', isClaimOrToken, 'claims, or of tokens of their providers') ?? [];
}

/** The same for validators. */
export function readValidators(reader: OptionReader): readonly ValidatorOrToken[] {
  const allowed = 'claim validators, or of tokens of their providers';
  return reader.list('globalClaimValidators', isValidatorOrToken, allowed) ?? [];
}

function isClaimOrToken(value: unknown): value is ClaimOrToken {
  return value instanceof SessionClaim || isToken(value);
}

function isValidatorOrToken(value: unknown): value is ValidatorOrToken {
  return isValidator(value) || isToken(value);
}
