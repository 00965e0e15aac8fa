import { applyDecorators, UseGuards } from '@nestjs/common';
import { durationToMs, type Duration } from '../../time/duration.js';
import { SessionGuard } from '../session.guard.js';
import { RequireFreshMetadata } from './verify-session.metadata.js';

/**
 * Lets only sessions pass whose user has proven who they are within this time: else 403 with the failing validator
 * `auth_time`, upon which a page asks for the password again and the server calls `reauthenticate`.
 *
 * @example
 * ```ts
 * @Delete('account') @RequireFresh('10m')
 * ```
 * @throws {TypeError} for what is no duration
 * @publicApi
 */
export function RequireFresh(maxAge: Duration): MethodDecorator & ClassDecorator {
  const maxAgeMs = durationToMs(maxAge);
  if (maxAgeMs === undefined) {
    throw new TypeError("@RequireFresh() takes a number of seconds or a string such as '10m'");
  }
  return applyDecorators(RequireFreshMetadata(maxAgeMs), UseGuards(SessionGuard));
}
