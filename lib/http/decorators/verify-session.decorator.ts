import { applyDecorators } from '@nestjs/common';
import { checkGuardedRouteOptions } from '../verify/verify-session-options.js';
import { guardBySession } from './guard-order.js';
import { markTogether, optionsTogether } from './stacked-decorators.js';
import { VerifySessionMetadata, type GuardedRouteOptions } from './verify-session.metadata.js';

/**
 * Admits only requests with a session, and gives the handler its session (`@CurrentSession()`). A handler inherits
 * unset options from its controller. Two on one handler or class count together.
 *
 * @example
 * ```ts
 * @Get('me') @VerifySession()
 * me(@CurrentSession() session: SessionContainer) { return session.getUserId(); }
 * ```
 * @throws {SessionInputException} for a wrong option, or for one that differs between two on one handler or class
 * @publicApi
 */
export function VerifySession(options: GuardedRouteOptions = {}): MethodDecorator & ClassDecorator {
  const checked = checkGuardedRouteOptions(options);
  return applyDecorators(
    markTogether(VerifySessionMetadata, checked, optionsTogether),
    guardBySession(checked.kind),
  );
}
