import {
  Inject,
  Injectable,
  Optional,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import {
  isMessage,
  isMutation,
  isOnSocket,
  requestAndResponseOf,
  sessionHolderOf,
  type RequestAndResponse,
} from '../context/execution-context.js';
import { isCovered, isSame } from './checked-route.js';
import { asHttpRequest } from '../context/http-request.js';
import {
  noteGuarded,
  rememberedSession,
  rememberSession,
  type FoundSession,
} from '../current-session.js';
import { GUARDS_SESSIONS } from '../decorators/verify-session.metadata.js';
import { FailureAnswer } from '../refusals/failure-answer.js';
import { noteRefusedResolver } from '../graphql/refusal-status.js';
import { SharedVerifications } from '../graphql/shared-verifications.js';
import { GuardedRoutes, type GuardedRoute } from '../routes/guarded-routes.js';
import { noteLooked } from '../routes/open-messages.js';
import { HeldSessionVerification } from './held-session-verification.js';
import { MESSAGE_TOKENS, type MessageTokens } from './message-tokens.js';
import { REFRESH_OF_REQUEST, type RefreshOfRequest } from './refresh-of-request.js';
import { RequestVerification } from './request-verification.js';
import { SessionKinds } from '../session-kinds.js';
import { messageOf, SocketMessage } from './socket-message.js';
import type { ReadonlySession } from '../../session/container/readonly-session.js';

// The results of guards that find requests in their own way, for later guards of the same call.
const foundBefore = new WeakMap<ExecutionContext, RequestAndResponse>();
let isFoundByOthers = false;

const NOTHING_FOUND: FoundSession = {
  session: undefined,
  checked: { options: {}, maxAgeMs: undefined },
};

/**
 * Verifies the session of a request. Put it on routes with `@VerifySession()`, or on the whole application as
 * `APP_GUARD`, and open routes with `@PublicAccess()`.
 *
 * @publicApi
 */
@Injectable()
export class SessionGuard implements CanActivate {
  /** @internal */
  static readonly [GUARDS_SESSIONS] = true;

  private readonly shared = new SharedVerifications();

  constructor(
    /** @internal identifies the module of this guard */
    readonly routes: GuardedRoutes,
    private readonly verification: RequestVerification<ReadonlySession>,
    private readonly failures: FailureAnswer,
    private readonly kinds: SessionKinds,
    @Inject(REFRESH_OF_REQUEST) private readonly refresh: RefreshOfRequest,
    private readonly heldSessions: HeldSessionVerification,
    @Optional() @Inject(MESSAGE_TOKENS) private readonly messages?: MessageTokens,
  ) {}

  /** Decides synchronously if nothing has to be awaited, because Nest awaits only promises. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const route = this.routes.of(context);
    if (route === undefined) return true;
    const isOfService = isMessage(context);
    if (isOfService) noteLooked(context);
    const messages = isOfService ? this.messages : undefined;
    const { kind } = route.options;
    if (kind !== undefined && kind !== this.kinds.own) {
      if (messages === undefined && this.findsInItsOwnWay) this.find(context);
      return this.delegate(kind, context);
    }
    if (messages !== undefined) return this.verifyCall(messages, route, context);
    const { request, response } = this.find(context);
    if (route.isPreflight && asHttpRequest(request).method === 'OPTIONS') {
      this.remember(request, { session: undefined, checked: route });
      return this.admit(request, context);
    }
    if (isOnSocket(context, request)) return this.verifyMessage(request, route, context);
    try {
      const checking = route.isRefresh
        ? this.refreshOnce(request, response, route)
        : this.verifyHandler(request, response, route, context);
      if (checking === undefined) return this.admit(request, context);
      return checking.then(
        () => this.admit(request, context),
        (error: unknown) => this.refuse({ request, response }, error, context),
      );
    } catch (error) {
      return this.refuse({ request, response }, error, context);
    }
  }

  /** @internal whether a subclass finds requests in another way */
  get findsInItsOwnWay(): boolean {
    return this.getRequestResponse !== SessionGuard.prototype.getRequestResponse;
  }

  private find(context: ExecutionContext): RequestAndResponse {
    if (this.findsInItsOwnWay) {
      const own = this.getRequestResponse(context);
      isFoundByOthers = true;
      foundBefore.set(context, own);
      return own;
    }
    return (
      (isFoundByOthers ? foundBefore.get(context) : undefined) ?? this.getRequestResponse(context)
    );
  }

  // The guard of the whole application belongs to one module, and finds other modules' guards by the route.
  private async delegate(kind: string, context: ExecutionContext): Promise<boolean> {
    return (await this.kinds.guardOf(kind).canActivate(context)) === true;
  }

  /**
   * Finds the request and response. Override it for a context other than HTTP, GraphQL and gateways. The result of the
   * whole application's guard also counts for the guards of routes, of every kind of sessions.
   */
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

  private refuse(answered: RequestAndResponse, error: unknown, context: ExecutionContext): never {
    this.failures.writeTo(answered.request, answered.response, error);
    noteRefusedResolver(context, answered, error);
    throw error;
  }

  private async verifyMessage(
    handshake: unknown,
    route: GuardedRoute,
    context: ExecutionContext,
  ): Promise<boolean> {
    const message = messageOf(context, handshake);
    await this.verifyHandler(message, undefined, route, context);
    const { session } = rememberedSession(message, this.verification) ?? NOTHING_FOUND;
    this.remember(message.keeper, { session, checked: route });
    return this.admit(message.keeper, context);
  }

  // A message between services has its own token, which the application finds.
  private async verifyCall(
    messages: MessageTokens,
    route: GuardedRoute,
    context: ExecutionContext,
  ): Promise<boolean> {
    const holder = sessionHolderOf(context);
    const found = rememberedSession(holder, this.verification);
    if (found === undefined || !isSame(found.checked, route)) {
      const token = await messages.tokenIn(context);
      const asked = { ...route.asked, antiCsrfCheck: false };
      const session = await this.verification.verifyWithoutRequest(token, undefined, asked);
      this.remember(holder, { session, checked: route });
    }
    return this.admit(holder, context);
  }

  private verifyHandler(
    request: unknown,
    response: unknown,
    route: GuardedRoute,
    context: ExecutionContext,
  ): Promise<void> | undefined {
    if (context.getType<string>() !== 'graphql') return this.verifyOnce(request, response, route);
    const found = rememberedSession(request, this.verification);
    if (found?.session !== undefined && this.verification.isOver(found.session)) {
      this.remember(request, NOTHING_FOUND);
    } else if (found !== undefined && isSame(found.checked, route)) return undefined;
    const { session } = rememberedSession(request, this.verification) ?? NOTHING_FOUND;
    return this.shared.share(request as object, route, session, () =>
      this.verifyOnce(request, response, isMutation(context) ? withCsrfCheck(route) : route),
    );
  }

  // The application and the route may both have a guard, and several resolvers may share a query. The token is verified
  // once, and each guard checks its own claims.
  private verifyOnce(
    request: unknown,
    response: unknown,
    route: GuardedRoute,
  ): Promise<void> | undefined {
    const found = rememberedSession(request, this.verification);
    if (found !== undefined && isSame(found.checked, route)) return undefined;
    const { asked } = route;
    if (found?.session !== undefined && isCovered(route.options, found.checked.options)) {
      return this.verification.claims.requireIn(found.session, asked.overrideGlobalClaimValidators);
    }
    const verified =
      request instanceof SocketMessage
        ? this.heldSessions.verifyMessage(request, asked)
        : this.verification.verify(request, response, asked);
    if (verified instanceof Promise) {
      return verified.then((session) => this.remember(request, { session, checked: route }));
    }
    this.remember(request, { session: verified, checked: route });
    return undefined;
  }

  // SuperTokens' rule: a guard on the refresh path refreshes. Global validators wait for the next request.
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
    if (override !== undefined) await this.verification.claims.requireIn(session, override);
  }
}

// Also by GET: servers refuse such a mutation. If one does not, another site's link must still not carry it.
function withCsrfCheck(route: GuardedRoute): GuardedRoute {
  const { antiCsrfCheck = true } = route.asked;
  return { ...route, asked: { ...route.asked, antiCsrfCheck } };
}
