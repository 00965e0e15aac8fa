import { Injectable, RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { freshAuthenticationValidator } from '../claims/fresh-authentication.js';
import { permissionsValidators } from '../claims/permission.claim.js';
import { rolesValidators } from '../claims/user-role.claim.js';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import { askedOfSession } from './asked-of-session.js';
import { CreateSessionMetadata } from './decorators/create-session.metadata.js';
import { declaredOn, type GuardedRouteOptions } from './decorators/verify-session.metadata.js';
import { RefreshRoute } from './refresh-route.js';
import type { VerifySessionOptions } from './request-verification.js';

/** A handler in the class that it is called in, as Nest's context names them. */
export interface HandlerOfClass {
  getHandler(): object;
  getClass(): Type;
}

/** What the decorators of a handler and its controller ask of a request. */
export interface GuardedRoute {
  readonly options: GuardedRouteOptions;
  readonly maxAgeMs: number | undefined;
  /** The options, with what roles, permissions and freshness add to them. */
  readonly asked: VerifySessionOptions;
  /** Whether it is the application's own refresh route. */
  readonly isRefresh: boolean;
  /** Whether it is declared for OPTIONS: a preflight carries no session (Fetch standard, CORS protocol). */
  readonly isPreflight: boolean;
}

/**
 * Reads the decorators of handlers and their controllers: once for each, since reading them took eight times as long as
 * verifying a token that is remembered.
 */
@Injectable()
export class GuardedRoutes {
  private readonly byHandler = new WeakMap<object, WeakMap<object, GuardedRoute | 'open'>>();

  constructor(
    private readonly refreshRoute: RefreshRoute,
    private readonly registry: RegisteredClaims,
  ) {}

  /**
   * @returns `undefined` where the handler is open
   * @throws {SessionConfigurationError} where the decorators contradict each other
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

  /** Whether a decorator of ours stands on the handler, its class, or a class that this one extends. */
  isDeclared(context: HandlerOfClass): boolean {
    return [context.getHandler(), ...lineageOf(context.getClass())]
      .map(declaredOn)
      .some(({ isGuarded, isPublic }) => isGuarded || isPublic);
  }

  private read(context: HandlerOfClass): GuardedRoute | undefined {
    const handler = context.getHandler();
    const found = askedOfSession({
      handler: declaredOn(handler),
      classes: lineageOf(context.getClass()).map(declaredOn),
      isLogin: Reflect.getMetadata(CreateSessionMetadata.KEY, handler) !== undefined,
    });
    if (found.kind === 'open') return undefined;
    if (found.kind === 'contradiction') {
      const name = `${context.getClass().name}.${(handler as { name?: string }).name}`;
      throw new SessionConfigurationError(`${name}: ${found.problem}.`);
    }
    const { options, maxAgeMs } = found;
    return {
      options,
      maxAgeMs,
      asked: this.asked(options, maxAgeMs),
      isRefresh: this.refreshRoute.isAt(context),
      isPreflight: Reflect.getMetadata(METHOD_METADATA, handler) === RequestMethod.OPTIONS,
    };
  }

  private asked(options: GuardedRouteOptions, maxAgeMs: number | undefined): VerifySessionOptions {
    const { roles = [], permissions = [], overrideGlobalClaimValidators: override } = options;
    const validators = [
      ...rolesValidators(roles, this.registry.roleClaim),
      ...permissionsValidators(permissions, this.registry.permissionClaim),
      ...(maxAgeMs === undefined ? [] : [freshAuthenticationValidator(maxAgeMs)]),
    ];
    if (validators.length === 0) return options;
    return {
      ...options,
      overrideGlobalClaimValidators: async (globalValidators, session) => [
        ...(override === undefined ? globalValidators : await override(globalValidators, session)),
        ...validators,
      ],
    };
  }
}

/** A class and the classes that it extends, from the nearest on. */
function lineageOf(type: object): object[] {
  const lineage: object[] = [];
  for (let each = type; each !== Function.prototype && typeof each === 'function';) {
    lineage.push(each);
    each = Object.getPrototypeOf(each) as object;
  }
  return lineage;
}
