import type { INestApplicationContext, Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { GuardedRoutes } from '../http/routes/guarded-routes.js';
import { RefreshRoute } from '../http/routes/refresh-route.js';
import { findPart } from '../options/kind.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';

/** The options that a document shows. A module that only verifies sessions has none for logins. */
export type DescribedOptions = ResolvedVerificationOptions &
  Pick<ResolvedSessionOptions, 'globalClaimValidators'> &
  Partial<Pick<ResolvedSessionOptions, 'maxSessionsPerUser' | 'rateLimit'>>;

/** A `SessionModule` or `SessionVerifierModule` of an application. */
export interface SessionSetUp {
  readonly options: DescribedOptions;
  readonly routes: GuardedRoutes;
  readonly refreshRoute: RefreshRoute;
  /** The classes of the built-in routes. */
  readonly controllers: ReadonlySet<Type>;
}

/** The modules of an application that know sessions: one, or one for each kind of sessions. */
export class SessionSetUps {
  private constructor(private readonly all: readonly [SessionSetUp, ...SessionSetUp[]]) {}

  /** @throws {SessionConfigurationError} if there is none */
  static in(app: INestApplicationContext): SessionSetUps {
    const modules = [...app.get(ModulesContainer, { strict: false }).values()];
    const [first, ...others] = modules.flatMap((each) => setUpOf(each) ?? []);
    if (first === undefined) {
      throw new SessionConfigurationError(
        'The application has no SessionModule and no SessionVerifierModule.',
      );
    }
    return new SessionSetUps([first, ...others]);
  }

  /** All possible names of session cookies. */
  get cookieNames(): ReadonlySet<string> {
    const cookies = this.all.flatMap(({ options: { cookie } }) => [
      cookie.accessToken,
      cookie.refreshToken,
    ]);
    return new Set(cookies.flatMap(({ name, secureName }) => [name, secureName]));
  }

  /** The module whose sessions a guard verifies. */
  ofGuard(guard: object | undefined): SessionSetUp {
    const { routes } = (guard ?? {}) as { routes?: GuardedRoutes };
    return this.all.find((each) => each.routes === routes) ?? this.ofKind(undefined);
  }

  ofKind(kind: string | undefined): SessionSetUp {
    return this.all.find(({ options }) => options.kind === kind) ?? this.all[0];
  }

  /** The module that a class of built-in routes belongs to. */
  ofController(type: Type): SessionSetUp | undefined {
    return this.all.find(({ controllers }) => controllers.has(type));
  }
}

function setUpOf({ providers, controllers }: Module): SessionSetUp | undefined {
  const instanceOf = <T>(token: symbol | Type<T>): T | undefined => findPart(providers, token);
  const options = instanceOf<DescribedOptions>(RESOLVED_SESSION_OPTIONS);
  const routes = instanceOf(GuardedRoutes);
  const refreshRoute = instanceOf(RefreshRoute);
  if (options === undefined || routes === undefined || refreshRoute === undefined) return undefined;
  const types = [...controllers.values()].map(({ metatype }) => metatype as Type);
  return { options, routes, refreshRoute, controllers: new Set(types) };
}
