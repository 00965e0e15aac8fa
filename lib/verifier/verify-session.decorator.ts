import type { SessionClaimValidator } from '../claims/session-claim-validator.js';
import { VerifySession as VerifySessionOfHttp } from '../http/decorators/verify-session.decorator.js';
import type { GuardedRouteOptions } from '../http/decorators/verify-session.metadata.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';

/** The options of `@VerifySession` in a service without a database. @publicApi */
export interface VerifierRouteOptions extends Omit<
  GuardedRouteOptions,
  'checkDatabase' | 'overrideGlobalClaimValidators'
> {
  /** Changes the conditions on the claims; receives the global validators. @default the global validators */
  overrideGlobalClaimValidators?: (
    globalClaimValidators: SessionClaimValidator[],
    session: ReadonlySession,
  ) => SessionClaimValidator[] | Promise<SessionClaimValidator[]>;
}

/**
 * Admits only requests with a session of the issuer, and gives the handler its session (`@CurrentSession()`).
 *
 * @example
 * ```ts
 * @Get('orders') @VerifySession({ roles: ['admin'] })
 * orders(@CurrentSession() session: ReadonlySession) { return this.ordersOf(session.getUserId()); }
 * ```
 * @throws {SessionInputException} for a wrong option
 * @publicApi
 */
export const VerifySession: (options?: VerifierRouteOptions) => MethodDecorator & ClassDecorator =
  VerifySessionOfHttp;
