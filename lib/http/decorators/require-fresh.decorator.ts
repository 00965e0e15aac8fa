import { applyDecorators } from '@nestjs/common';
import { durationToMs, type Duration } from '../../time/duration.js';
import { readKind } from '../verify/verify-session-options.js';
import { guardBySession } from './guard-order.js';
import { agesTogether, markTogether } from './stacked-decorators.js';
import { RequireFreshMetadata } from './verify-session.metadata.js';

/**
 * Admits only sessions whose user has proved their identity within this time. Otherwise it answers "invalid claim" with
 * the failing validator `auth_time`. The page then asks for the password again and the server calls `reauthenticate`.
 *
 * @example
 * ```ts
 * @Delete('account') @RequireFresh('10m')
 * ```
 * @param options the kind of sessions, as in `@VerifySession()` of the class
 * @throws {TypeError} if it is not a duration
 * @throws {SessionInputException} for a wrong option, or for another age on the same handler or class
 * @publicApi
 */
export function RequireFresh(
  maxAge: Duration,
  options: { kind?: string } = {},
): MethodDecorator & ClassDecorator {
  const maxAgeMs = durationToMs(maxAge);
  if (maxAgeMs === undefined) {
    throw new TypeError("@RequireFresh() takes a number of seconds or a string such as '10m'");
  }
  return applyDecorators(
    markTogether(RequireFreshMetadata, maxAgeMs, agesTogether),
    guardBySession(readKind(options)),
  );
}
