import { immediateValidator } from './immediate-validator.js';
import { isOfFuture } from './max-age.js';
import type { SessionClaimValidator } from './session-claim-validator.js';

/**
 * A validator for a session whose user proved their identity at most this long ago (ASVS 7.5.3). It reads `auth_time`,
 * which a login and `reauthenticate` set and no refresh moves. If somebody else acts as the user, nobody has proved to
 * be that user.
 */
export function freshAuthenticationValidator(maxAgeMs: number): SessionClaimValidator {
  return immediateValidator({
    id: 'auth_time',
    validate: (payload, { nowMs }) => {
      const authenticatedAt = payload['auth_time'];
      const maxAgeInSeconds = maxAgeMs / 1000;
      if (payload['act'] !== undefined) {
        return { isValid: false, reason: { message: 'impersonated', maxAgeInSeconds } };
      }
      if (typeof authenticatedAt !== 'number') {
        return { isValid: false, reason: { message: 'value does not exist', maxAgeInSeconds } };
      }
      const ageInSeconds = nowMs / 1000 - authenticatedAt;
      if (!isOfFuture(ageInSeconds) && ageInSeconds <= maxAgeInSeconds) return { isValid: true };
      return { isValid: false, reason: { message: 'expired', ageInSeconds, maxAgeInSeconds } };
    },
  });
}
