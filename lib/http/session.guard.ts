import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import {
  isMutation,
  isOnSocket,
  requestAndResponseOf,
  type RequestAndResponse,
} from './context/execution-context.js';
import { asHttpRequest } from './context/http-request.js';
import {
  noteGuarded,
  rememberedSession,
  rememberSession,
  type FoundSession,
} from './current-session.js';
import { GUARDS_SESSIONS, type GuardedRouteOptions } from './decorators/verify-session.metadata.js';
import { FailureAnswer } from './failure-answer.js';
import { GuardedRoutes, type GuardedRoute } from './guarded-routes.js';
import { RequestRefresh } from './request-refresh.js';
import { RequestVerification } from './request-verification.js';

type CheckedRoute = Pick<GuardedRoute, 'options' | 'maxAgeMs'>;

/**
 * Verifies the session of a request. Put it on routes by `@VerifySession()`, or on the whole application as `APP_GUARD`,
 * and open routes by `@PublicAccess()`.
 *
 * @publicApi
 */
@Injectable()
export class SessionGuard implements CanActivate {
  /** @internal */
  static readonly [GUARDS_SESSIONS] = true;

  constructor(
    private readonly routes: GuardedRoutes,
    private readonly verification: RequestVerification,
    private readonly failures: FailureAnswer,
    private readonly refresh: RequestRefresh,
  ) {}

  /** Decides at once where nothing has to be waited for: Nest awaits what is no promise for nothing. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const route = this.routes.of(context);
    if (route === undefined) return true;
    const { request, response } = this.getRequestResponse(context);
    if (route.isPreflight && asHttpRequest(request).method === 'OPTIONS') {
      this.remember(request, { session: undefined, checked: route });
      return this.admit(request, context);
    }
    if (isOnSocket(context, request)) return this.verifyMessage(request, route, context);
    try {
      const checking = route.isRefresh
        ? this.refreshOnce(request, response, route)
        : this.verifyOnce(request, response, isMutation(context) ? withCsrfCheck(route) : route);
      if (checking === undefined) return this.admit(request, context);
      return checking.then(
        () => this.admit(request, context),
        (error: unknown) => this.refuse(request, response, error),
      );
    } catch (error) {
      return this.refuse(request, response, error);
    }
  }

  /** Finds request and response; override it for a context that is none of HTTP, GraphQL and a gateway. */
  protected getRequestResponse(context: ExecutionContext): RequestAndResponse {
    return requestAndResponseOf(context);
  }

  private admit(request: unknown, context: ExecutionContext): true {
    noteGuarded(request, this.verification, context.getHandler());
    return true;
  }

  private remember(request: unknown, found: FoundSession): void {
    rememberSession(request, this.verification, found);
  }

  private refuse(request: unknown, response: unknown, error: unknown): never {
    this.failures.writeTo(request, response, error);
    throw error;
  }

  // A socket outlives tokens and sessions, so each of its messages is judged by what is true now. Nothing is read for it.
  private async verifyMessage(
    handshake: unknown,
    route: GuardedRoute,
    context: ExecutionContext,
  ): Promise<boolean> {
    const session = await this.verification.verifyHandshake(handshake, route.asked);
    this.remember(handshake, { session, checked: route });
    return this.admit(handshake, context);
  }

  // A guard on the application and one on the route, or several resolvers of one query: the token is verified once, and
  // each asks for its own claims.
  private verifyOnce(
    request: unknown,
    response: unknown,
    route: GuardedRoute,
  ): Promise<void> | undefined {
    const found = rememberedSession(request, this.verification);
    if (found !== undefined && isSame(found.checked, route)) return undefined;
    const { asked } = route;
    if (found?.session !== undefined && isCovered(route.options, found.checked.options)) {
      return this.verification.assertClaims(found.session, asked.overrideGlobalClaimValidators);
    }
    const verified = this.verification.verify(request, response, asked);
    if (verified instanceof Promise) {
      return verified.then((session) => this.remember(request, { session, checked: route }));
    }
    this.remember(request, { session: verified, checked: route });
    return undefined;
  }

  // SuperTokens' rule for a guard on the refresh path: it refreshes. Global validators wait for the next request.
  private async refreshOnce(
    request: unknown,
    response: unknown,
    route: GuardedRoute,
  ): Promise<void> {
    const found = rememberedSession(request, this.verification);
    if (found !== undefined && isSame(found.checked, route)) return;
    const session = await this.refresh.refresh(request, response);
    this.remember(request, { session, checked: route });
    const { overrideGlobalClaimValidators: override } = route.asked;
    if (override !== undefined) await this.verification.assertClaims(session, override);
  }
}

function isSame(one: CheckedRoute, other: CheckedRoute): boolean {
  return one.options === other.options && one.maxAgeMs === other.maxAgeMs;
}

// Whether what was checked before is at least what is asked for now.
function isCovered(asked: GuardedRouteOptions, checked: GuardedRouteOptions): boolean {
  return (
    (asked.checkDatabase !== true || checked.checkDatabase === true) &&
    antiCsrfStrictness(asked) <= antiCsrfStrictness(checked)
  );
}

function antiCsrfStrictness({ antiCsrfCheck }: GuardedRouteOptions): number {
  return antiCsrfCheck === undefined ? 1 : Number(antiCsrfCheck) * 2;
}

// By GET too: servers refuse such a mutation, and where one does not, no other site's link may carry it.
function withCsrfCheck(route: GuardedRoute): GuardedRoute {
  const { antiCsrfCheck = true } = route.asked;
  return { ...route, asked: { ...route.asked, antiCsrfCheck } };
}
