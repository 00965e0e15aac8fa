import type { SessionClaimValidator } from './session-claim-validator.js';

/**
 * A validator for a session whose user has proven who they are no longer ago than this (ASVS 7.5.3). It goes by
 * `auth_time`, which a login and `reauthenticate` set and no refresh moves.
 */
export function freshAuthenticationValidator(maxAgeMs: number): SessionClaimValidator {
  return {
    id: 'auth_time',
    validate: (payload, { nowMs }) => {
      const authenticatedAt = payload['auth_time'];
      const maxAgeInSeconds = maxAgeMs / 1000;
      if (typeof authenticatedAt !== 'number') {
        return { isValid: false, reason: { message: 'value does not exist', maxAgeInSeconds } };
      }
      const ageInSeconds = nowMs / 1000 - authenticatedAt;
      if (ageInSeconds <= maxAgeInSeconds) return { isValid: true };
      return { isValid: false, reason: { message: 'expired', ageInSeconds, maxAgeInSeconds } };
    },
  };
}
