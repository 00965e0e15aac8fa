import type { AccessTokenPayload } from './access-token-payload.js';
import { immediateValueValidator } from './immediate-validator.js';
import { assertMaxAge, isOfFuture } from './max-age.js';
import type { SessionClaimValidator } from './session-claim-validator.js';
import type { SessionClaim } from './session-claim.js';

/** The condition on a value, and the details of its reason besides the message. */
export interface ValueRule<T> {
  holds: (value: T) => boolean;
  ifMissing: Readonly<Record<string, unknown>>;
  ifWrong: Readonly<Record<string, unknown>>;
}

/**
 * Makes a validator with the three steps of all built-in ones, in this order: the value exists, is young enough, and
 * satisfies the rule. It fetches again exactly if one of the first two would fail.
 *
 * @see SuperTokens' claim validators, which give the same reasons
 */
export function valueValidator<T>(
  claim: SessionClaim<T>,
  rule: ValueRule<T>,
  maxAgeInSeconds: number | undefined = claim.defaultMaxAgeInSeconds,
  id: string = claim.key,
): SessionClaimValidator {
  assertMaxAge('maxAgeInSeconds', maxAgeInSeconds);
  if (typeof id !== 'string')
    throw new TypeError(`id is of type ${typeof id}; it must be a string.`);
  return immediateValueValidator({
    id,
    claim,
    validate: (payload, { nowMs }) => {
      const value = claim.getValueFromPayload(payload);
      if (value === undefined) {
        return refusal({ message: 'value does not exist', ...rule.ifMissing });
      }
      if (isTooOld(claim, maxAgeInSeconds, payload, nowMs)) {
        const ageInSeconds = ageOf(claim, payload, nowMs);
        return refusal({ message: 'expired', ageInSeconds, maxAgeInSeconds });
      }
      if (!rule.holds(value)) {
        return refusal({ message: 'wrong value', ...rule.ifWrong, actualValue: value });
      }
      return { isValid: true };
    },
    shouldRefetch: (payload, { nowMs }) =>
      isMissingOrTooOld(claim, maxAgeInSeconds, payload, nowMs),
  });
}

/** Whether the payload has no value, or one that is older than allowed or from the future. */
export function isMissingOrTooOld<T>(
  claim: SessionClaim<T>,
  maxAgeInSeconds: number | undefined,
  payload: Readonly<AccessTokenPayload>,
  nowMs: number,
): boolean {
  return (
    claim.getValueFromPayload(payload) === undefined ||
    isTooOld(claim, maxAgeInSeconds, payload, nowMs)
  );
}

function isTooOld<T>(
  claim: SessionClaim<T>,
  maxAgeInSeconds: number | undefined,
  payload: Readonly<AccessTokenPayload>,
  nowMs: number,
): boolean {
  if (maxAgeInSeconds === undefined) return false;
  const ageInSeconds = ageOf(claim, payload, nowMs);
  return ageInSeconds > maxAgeInSeconds || isOfFuture(ageInSeconds);
}

// A claim that can't tell when its value was fetched counts as older than any limit.
function ageOf<T>(
  claim: SessionClaim<T>,
  payload: Readonly<AccessTokenPayload>,
  nowMs: number,
): number {
  const fetchedAtMs = claim.getLastFetchedTimeMs(payload);
  return fetchedAtMs === undefined ? Infinity : (nowMs - fetchedAtMs) / 1000;
}

function refusal(reason: Record<string, unknown>): { isValid: false; reason: unknown } {
  return { isValid: false, reason };
}
