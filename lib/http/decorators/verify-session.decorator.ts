import { applyDecorators, UseGuards } from '@nestjs/common';
import { guardOfKind } from '../guard-of-kind.js';
import { SessionGuard } from '../session.guard.js';
import { checkGuardedRouteOptions } from '../verify-session-options.js';
import { VerifySessionMetadata, type GuardedRouteOptions } from './verify-session.metadata.js';

/**
 * Lets only requests with a session pass, and gives the handler its session (`@CurrentSession()`). What
 * a handler does not say it takes from its controller.
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
  const guard = checked.kind === undefined ? SessionGuard : guardOfKind(checked.kind);
  return applyDecorators(VerifySessionMetadata(checked), UseGuards(guard));
}
