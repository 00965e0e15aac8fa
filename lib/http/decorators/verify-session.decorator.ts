import { applyDecorators } from '@nestjs/common';
import { checkGuardedRouteOptions } from '../verify/verify-session-options.js';
import { guardBySession } from './guard-order.js';
import { VerifySessionMetadata, type GuardedRouteOptions } from './verify-session.metadata.js';

/**
 * Admits only requests with a session, and gives the handler its session (`@CurrentSession()`). A handler inherits
 * unset options from its controller.
 *
 * @example
 * ```ts
 * @Get('me') @VerifySession()
 * me(@CurrentSession() session: SessionContainer) { return session.getUserId(); }
 * ```
 * @throws {SessionInputException} for a wrong option
 * @publicApi
 */
export function VerifySession(options: GuardedRouteOptions = {}): MethodDecorator & ClassDecorator {
  const checked = checkGuardedRouteOptions(options);
  return applyDecorators(VerifySessionMetadata(checked), guardBySession(checked.kind));
}
