import { Injectable, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { notImpersonatedValidator } from '../../claims/impersonation.js';
import { boundSessionValidator } from '../../claims/bound-session.js';
import { freshAuthenticationValidator } from '../../claims/fresh-authentication.js';
import { permissionsValidators } from '../../claims/permission.claim.js';
import { rolesValidators } from '../../claims/user-role.claim.js';
import { errorOfFlaw, type Flaw } from '../../errors/flaw.js';
import { RegisteredClaims } from '../../session/edit/registered-claims.js';
import { askedOfSession, type AskedOfSession, type DeclaredHandler } from './asked-of-session.js';
import { CreateSessionMetadata } from '../decorators/create-session.metadata.js';
import {
  declaredOn,
  lineageOf,
  type GuardedRouteOptions,
} from '../decorators/verify-session.metadata.js';
import { nameOf, type HandlerOfClass } from './handlers-of-class.js';
import { RefreshRoute } from './refresh-route.js';
import type { AskedOfRequest } from '../verify/verify-session-options.js';

type AskedRoute = Extract<AskedOfSession, { kind: 'guarded' }>;
type Contradiction = Extract<AskedOfSession, { kind: 'contradiction' }>;

/** The requirements of a handler and its controller on a request. */
export interface GuardedRoute {
  readonly options: GuardedRouteOptions;
  readonly maxAgeMs: number | undefined;
  /** The options, with those added for roles, permissions, `bound` and freshness. */
  readonly asked: AskedOfRequest;
  /** Whether one of our decorators says so. Without one, it depends on the guard of the application. */
  readonly isDeclared: boolean;
  /** Whether it is the application's own refresh route. */
  readonly isRefresh: boolean;
  /** Whether it is declared for OPTIONS: a preflight carries no session (Fetch standard, CORS protocol). */
  readonly isPreflight: boolean;
}

/**
 * Reads the decorators of each handler and its controller once, because reading them took eight times as long as
 * verifying a remembered token.
 */
@Injectable()
export class GuardedRoutes {
  private readonly byHandler = new WeakMap<object, WeakMap<object, GuardedRoute | 'open'>>();

  constructor(
    private readonly refreshRoute: RefreshRoute,
    private readonly registry: RegisteredClaims,
  ) {}

  /**
   * @returns `undefined` if the handler is open
   * @throws {SessionConfigurationError} if the decorators contradict each other
   */
  of(context: HandlerOfClass): GuardedRoute | undefined {
    const handler = context.getHandler();
    // Controllers that extend another one share its handlers.
    let byController = this.byHandler.get(handler);
    if (byController === undefined) this.byHandler.set(handler, (byController = new WeakMap()));
    const controller = context.getClass();
    let route = byController.get(controller);
    if (route === undefined) byController.set(controller, (route = this.read(context) ?? 'open'));
    return route === 'open' ? undefined : route;
  }

  /** Whether one of our decorators is on the handler, its class, or a class above. */
  isDeclared(context: HandlerOfClass): boolean {
    return [context.getHandler(), ...lineageOf(context.getClass())]
      .map(declaredOn)
      .some(({ isGuarded, isPublic }) => isGuarded || isPublic);
  }

  private read(context: HandlerOfClass): GuardedRoute | undefined {
    const found = askedOfSession(declaredHandler(context));
    if (found.kind === 'open') return undefined;
    if (found.kind === 'contradiction') throw errorOfFlaw(contradiction(context, found));
    const { options, maxAgeMs } = found;
    return {
      options,
      maxAgeMs,
      asked: this.asked(found),
      isDeclared: this.isDeclared(context),
      isRefresh: this.refreshRoute.isAt(context),
      isPreflight:
        Reflect.getMetadata(METHOD_METADATA, context.getHandler()) === RequestMethod.OPTIONS,
    };
  }

  private asked({ options, maxAgeMs, forbidsImpersonation }: AskedRoute): AskedOfRequest {
    const { roles = [], permissions = [], bound = false } = options;
    const { overrideGlobalClaimValidators: override } = options;
    const validators = [
      ...rolesValidators(roles, this.registry.roleClaim),
      ...permissionsValidators(permissions, this.registry.permissionClaim),
      ...(bound ? [boundSessionValidator] : []),
      ...(forbidsImpersonation ? [notImpersonatedValidator] : []),
      ...(maxAgeMs === undefined ? [] : [freshAuthenticationValidator(maxAgeMs)]),
    ];
    if (validators.length === 0) return options;
    return {
      ...options,
      ...(override === undefined ? { added: validators } : {}),
      overrideGlobalClaimValidators: async (globalValidators, session) => [
        ...(override === undefined ? globalValidators : await override(globalValidators, session)),
        ...validators,
      ],
    };
  }
}

/** The decorators on a handler and its classes. */
export function declaredHandler(context: HandlerOfClass): DeclaredHandler {
  const handler = context.getHandler();
  return {
    handler: declaredOn(handler),
    classes: lineageOf(context.getClass()).map(declaredOn),
    isLogin: Reflect.getMetadata(CreateSessionMetadata.KEY, handler) !== undefined,
  };
}

/** Finds decorators on a handler and its classes that contradict each other. */
export function contradictionIn(context: HandlerOfClass): Flaw | undefined {
  const asked = askedOfSession(declaredHandler(context));
  return asked.kind === 'contradiction' ? contradiction(context, asked) : undefined;
}

function contradiction(context: HandlerOfClass, { problem, cure }: Contradiction): Flaw {
  return { code: 'decorators', cause: `${nameOf(context)}: ${problem}.`, cure: `${cure}.` };
}
