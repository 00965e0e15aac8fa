import { Injectable } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { freshAuthenticationValidator } from '../claims/fresh-authentication.js';
import { permissionsValidators } from '../claims/permission.claim.js';
import { rolesValidators } from '../claims/user-role.claim.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import { CreateSessionMetadata } from './decorators/create-session.metadata.js';
import {
  PublicAccessMetadata,
  RequireFreshMetadata,
  VerifySessionMetadata,
  type GuardedRouteOptions,
} from './decorators/verify-session.metadata.js';
import { RefreshRoute } from './refresh-route.js';
import type { VerifySessionOptions } from './request-verification.js';

const NO_OPTIONS: GuardedRouteOptions = {};

/** What the decorators of a handler and its controller ask of a request. */
export interface GuardedRoute {
  readonly options: GuardedRouteOptions;
  readonly maxAgeMs: number | undefined;
  /** The options, with what roles, permissions and freshness add to them. */
  readonly asked: VerifySessionOptions;
  /** Whether it is the application's own refresh route. */
  readonly isRefresh: boolean;
}

/**
 * Reads the decorators of handlers and their controllers: once for each, since reading them took eight times as long as
 * verifying a token that is remembered.
 */
@Injectable()
export class GuardedRoutes {
  private readonly byHandler = new WeakMap<object, WeakMap<object, GuardedRoute | 'open'>>();

  constructor(
    private readonly reflector: Reflector,
    private readonly refreshRoute: RefreshRoute,
    private readonly registry: RegisteredClaims,
  ) {}

  /** @returns `undefined` where the handler is open */
  of(context: ExecutionContext): GuardedRoute | undefined {
    const handler = context.getHandler();
    // Controllers that extend another one share its handlers.
    let byController = this.byHandler.get(handler);
    if (byController === undefined) this.byHandler.set(handler, (byController = new WeakMap()));
    const controller = context.getClass();
    let route = byController.get(controller);
    if (route === undefined) byController.set(controller, (route = this.read(context) ?? 'open'));
    return route === 'open' ? undefined : route;
  }

  // What a handler says goes before what its controller says. A login opens itself, but not against its controller.
  private read(context: ExecutionContext): GuardedRoute | undefined {
    const targets = [context.getHandler(), context.getClass()];
    const maxAgeMs = this.reflector.getAllAndOverride(RequireFreshMetadata, targets);
    const options = this.reflector.getAllAndOverride(VerifySessionMetadata, targets) ?? NO_OPTIONS;
    const asked = this.asked(options, maxAgeMs);
    const route = { options, maxAgeMs, asked, isRefresh: this.refreshRoute.isAt(context) };
    for (const target of targets) {
      const isGuarded =
        this.reflector.get(VerifySessionMetadata, target) !== undefined ||
        this.reflector.get(RequireFreshMetadata, target) !== undefined;
      if (isGuarded) return route;
      if (this.reflector.get(PublicAccessMetadata, target)) return undefined;
    }
    const isLogin = this.reflector.get(CreateSessionMetadata, context.getHandler()) !== undefined;
    return isLogin ? undefined : route;
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
