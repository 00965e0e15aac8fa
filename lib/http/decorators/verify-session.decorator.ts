import { applyDecorators, UseGuards } from '@nestjs/common';
import { SessionGuard } from '../session.guard.js';
import { VerifySessionMetadata, type GuardedRouteOptions } from './verify-session.metadata.js';

/**
 * Lets only requests with a session pass, and gives the handler its session (`@CurrentSession()`). On a handler it goes
 * before one on its controller.
 *
 * @example
 * ```ts
 * @Get('me') @VerifySession()
 * me(@CurrentSession() session: SessionContainer) { return session.getUserId(); }
 * ```
 * @publicApi
 */
export function VerifySession(options: GuardedRouteOptions = {}): MethodDecorator & ClassDecorator {
  return applyDecorators(VerifySessionMetadata(options), UseGuards(SessionGuard));
}
