import { applyDecorators } from '@nestjs/common';
import { readKind } from '../verify/verify-session-options.js';
import { guardBySession } from './guard-order.js';
import { ForbidImpersonationMetadata } from './verify-session.metadata.js';

/**
 * Refuses somebody who acts as the user (`impersonate`): "invalid claim" with the failing validator `act`. The user's own
 * sessions pass.
 *
 * @example
 * ```ts
 * @Post('messages') @ForbidImpersonation()
 * ```
 * @param options the kind of sessions, as in `@VerifySession()` of the class
 * @throws {SessionInputException} for a wrong option
 * @publicApi
 */
export function ForbidImpersonation(
  options: { kind?: string } = {},
): MethodDecorator & ClassDecorator {
  return applyDecorators(ForbidImpersonationMetadata(true), guardBySession(readKind(options)));
}
