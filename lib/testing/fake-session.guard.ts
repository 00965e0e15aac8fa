import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { UnauthorizedSessionException } from '../errors/unauthorized-session.exception.js';
import { isMessage, sessionHolderOf } from '../http/context/execution-context.js';
import { noteGuarded, rememberSession, type Verifying } from '../http/current-session.js';
import { GuardedRoutes } from '../http/routes/guarded-routes.js';
import { noteLooked } from '../http/routes/open-messages.js';
import { RefreshRoute } from '../http/routes/refresh-route.js';
import { GUARDS_SESSIONS } from '../http/decorators/verify-session.metadata.js';
import { DEFAULT_API_BASE_PATH } from '../options/built-in-routes.js';
import { SessionContainer } from '../session/container/session-container.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import { fakeSession, type FakeSessionInput } from './fake-session.js';
import { refuseInProduction } from './not-in-production.js';

/** Returns the session of a request; `undefined` for none. @publicApi */
export type SessionOfContext = (context: ExecutionContext) => SessionContainer | undefined;

/**
 * Replaces `SessionGuard` in tests of controllers: every request and every message has the given session, and no token is verified. The
 * route's own checks still run: a session, roles, permissions, freshness and `@ForbidImpersonation()`. Global validators do not run, and no claims
 * are fetched.
 *
 * @example
 * ```ts
 * Test.createTestingModule({ controllers: [AccountController] })
 *   .overrideGuard(SessionGuard)
 *   .useValue(new FakeSessionGuard({ userId: 'ada', roles: ['admin'] }));
 * ```
 * @publicApi
 */
export class FakeSessionGuard implements CanActivate {
  /** @internal */
  static readonly [GUARDS_SESSIONS] = true;

  private readonly verifying: Verifying;
  private readonly routes = new GuardedRoutes(
    new RefreshRoute(DEFAULT_API_BASE_PATH),
    new RegisteredClaims(),
  );
  private readonly sessionOf: SessionOfContext;

  /**
   * @param session the session of every request, or a function that returns it; by default that of `fakeSession()`
   * @param options.kind the kind of guarded sessions
   * @throws {Error} if NODE_ENV is production
   */
  constructor(
    session: SessionContainer | FakeSessionInput | SessionOfContext = {},
    options: { kind?: string } = {},
  ) {
    refuseInProduction('FakeSessionGuard');
    this.verifying = { options: { kind: options.kind } };
    if (typeof session === 'function') this.sessionOf = session;
    else {
      const fixed = session instanceof SessionContainer ? session : fakeSession(session);
      this.sessionOf = () => fixed;
    }
  }

  /** @throws {UnauthorizedSessionException} {InvalidClaimsException} */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = this.routes.of(context);
    // Routes of another kind have their own guard.
    if (route === undefined || route.options.kind !== this.verifying.options.kind) return true;
    if (isMessage(context)) noteLooked(context);
    const holder = sessionHolderOf(context);
    const session = this.sessionOf(context);
    const { sessionRequired, overrideGlobalClaimValidators: validatorsOf } = route.asked;
    if (session === undefined && sessionRequired !== false) {
      throw new UnauthorizedSessionException({ reason: 'no-access-token', clearTokens: false });
    }
    if (session !== undefined && validatorsOf !== undefined) {
      await session.assertClaims(await validatorsOf([], session));
    }
    const checked = { options: route.options, maxAgeMs: route.maxAgeMs };
    rememberSession(holder, this.verifying, { session, checked });
    noteGuarded(holder, this.verifying, context.getHandler());
    return true;
  }
}
