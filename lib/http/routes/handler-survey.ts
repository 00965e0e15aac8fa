import { Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import type { Flaw } from '../../errors/flaw.js';
import { SessionConfigurationError } from '../../errors/session-configuration.error.js';
import { askedOfSession } from './asked-of-session.js';
import { CreateSessionMetadata } from '../decorators/create-session.metadata.js';
import { declaredOn, isApplicationGuarded } from '../decorators/verify-session.metadata.js';
import {
  contradictionIn,
  declaredHandler,
  GuardedRoutes,
  type GuardedRoute,
} from './guarded-routes.js';
import { handlersOf, nameOf, type HandlerOfClass } from './handlers-of-class.js';
import { isGuardLeftOut } from './left-out-guards.js';
import { lostGuardFlaw } from './lost-guards.js';
import {
  GRAPHQL_OPTIONS,
  isField,
  isGateway,
  isGatewayMessage,
  isResolver,
  isServiceMessage,
  isSubscription,
} from './nest-marks.js';
import { isUndecorated, openMessageFlaw } from './open-messages.js';
import { namedClass, providedClass } from './provided-classes.js';

const GATEWAY_HOOKS: ReadonlySet<string> = new Set([
  'afterInit',
  'handleConnection',
  'handleDisconnect',
]);

interface HandlerOfModule extends HandlerOfClass {
  readonly module: Module;
  /** Whether the module names the class, and not only a factory or value that provides its instance. */
  readonly isNamed: boolean;
}

interface GraphQlOptions {
  readonly fieldResolverEnhancers?: readonly string[];
}

/** Checks all handlers when the application starts, so that no mistake waits for a request. */
@Injectable()
export class HandlerSurvey {
  constructor(
    private readonly modules: ModulesContainer,
    private readonly config: ApplicationConfig,
    private readonly routes: GuardedRoutes,
  ) {}

  /** Finds handlers whose decorators can't take effect, which stops the start. It keeps no requirements. */
  flaws(): Flaw[] {
    return [...this.handlers()].flatMap(
      (each) =>
        loginFlaw(each) ??
        this.fieldFlaw(each) ??
        this.guardFlaw(each) ??
        this.lostFlaw(each) ??
        contradictionIn(each) ??
        [],
    );
  }

  /**
   * Reads the requirements of all handlers. From then on they stay, so the claims have to be registered before.
   *
   * @param problemOf names a requirement of a handler that this module can't meet
   * @throws {SessionConfigurationError} that names the handler with it
   */
  readRequirements(problemOf: (route: GuardedRoute) => string | undefined = () => undefined): void {
    for (const declared of this.handlers()) {
      const route = this.routes.isDeclared(declared) ? this.routes.of(declared) : undefined;
      const problem = route && problemOf(route);
      if (problem !== undefined) {
        throw new SessionConfigurationError(`${nameOf(declared)} ${problem}`);
      }
    }
  }

  /**
   * Finds handlers that seem guarded, but are not, and that the start lets pass.
   *
   * @param areMessagesApart whether a microservice of a hybrid application has a configuration of its own
   */
  openings(areMessagesApart = false): Flaw[] {
    return [...this.handlers()].flatMap(
      (each) =>
        hookFlaw(each) ??
        (isApplicationGuarded(this.config) ? this.openFlaw(each, areMessagesApart) : undefined) ??
        [],
    );
  }

  /**
   * The names of handlers of microservices' messages that look for a session, required or not.
   *
   * @param kind the kind of sessions that they look for
   * @param areAllGuarded whether undecorated handlers count, because the guard of the application reaches them
   */
  guardedMessages(kind: string | undefined, areAllGuarded = false): string[] {
    const guarded = [...this.handlers()].filter((each) => {
      if (!isServiceMessage(each.getHandler())) return false;
      const asked = askedOfSession(declaredHandler(each));
      const isGuarded = areAllGuarded || this.routes.isDeclared(each);
      return isGuarded && asked.kind === 'guarded' && asked.options.kind === kind;
    });
    return guarded.map(nameOf);
  }

  private guardFlaw(declared: HandlerOfModule): Flaw | undefined {
    const handler = declared.getHandler();
    const isResolved = isResolver(handler);
    // Nest connects no gateway that a factory makes.
    const isMessage = isGatewayMessage(handler) && declared.isNamed;
    if (!isMessage && (!isResolved || isApplicationGuarded(this.config))) return undefined;
    if (!isGuardLeftOut(declared.module, declared)) return undefined;
    return {
      code: 'unguarded-handler',
      cause: `${nameOf(declared)} requires a session, but Nest runs no guard on it, because a factory or \`useClass\` provides its class.`,
      cure: `List ${declared.getClass().name} itself in \`providers\`.`,
    };
  }

  // A guard of the whole application does not apply to microservices with a configuration of their own, nor, before
  // Nest 12, to gateways.
  private openFlaw(declared: HandlerOfClass, areMessagesApart: boolean): Flaw | undefined {
    const method = declared.getHandler();
    const isOfGateway = isGatewayMessage(method) && !guardsGateways(this.config);
    const isApart = areMessagesApart && isServiceMessage(method);
    if (!isOfGateway && !isApart) return undefined;
    if (!isUndecorated(declared)) return undefined;
    if (!isOfGateway) return openMessageFlaw(declared);
    return {
      code: 'unguarded-handler',
      cause: `${nameOf(declared)} is open: the guard of the application (APP_GUARD) does not apply to gateways.`,
      cure: 'Put @VerifySession() on the gateway, or @PublicAccess() if it should be open.',
    };
  }

  private lostFlaw(declared: HandlerOfClass): Flaw | undefined {
    const isReached = !isGatewayMessage(declared.getHandler()) || guardsGateways(this.config);
    return lostGuardFlaw(declared, isReached && isApplicationGuarded(this.config));
  }

  private fieldFlaw(declared: HandlerOfClass): Flaw | undefined {
    if (!isField(declared.getHandler()) || !this.routes.isDeclared(declared)) return undefined;
    if (askedOfSession(declaredHandler(declared)).kind !== 'guarded') return undefined;
    const areFieldsGuarded = this.graphQlOptions().every(({ fieldResolverEnhancers = [] }) =>
      fieldResolverEnhancers.includes('guards'),
    );
    return areFieldsGuarded ? undefined : unguardedField(declared);
  }

  private *handlers(): Generator<HandlerOfModule> {
    const modules = [...this.modules.values()];
    const named = new Set(modules.flatMap((module) => [...classesIn(module, namedClass)]));
    for (const module of modules) {
      yield* handlersIn(module, classesIn(module, namedClass), true);
      // Nest guards an alias of a named class as that class.
      const provided = [...classesIn(module, providedClass)].filter((type) => !named.has(type));
      yield* handlersIn(module, provided, false);
    }
  }

  private graphQlOptions(): GraphQlOptions[] {
    const options = [...this.modules.values()].map(
      ({ providers }) => providers.get(GRAPHQL_OPTIONS)?.instance as GraphQlOptions | undefined,
    );
    return options.filter((each) => each !== undefined && each !== null);
  }
}

function unguardedField(declared: HandlerOfClass): Flaw {
  return {
    code: 'unguarded-handler',
    cause: `${nameOf(declared)} is a field that requires a session, but GraphQLModule runs no guards on fields.`,
    cure: "Add `fieldResolverEnhancers: ['guards']` to GraphQLModule's options, or open the field with @PublicAccess().",
  };
}

// Nest runs no guards before them.
function hookFlaw(declared: HandlerOfClass): Flaw | undefined {
  const handler = declared.getHandler() as { name?: string };
  const isHook = GATEWAY_HOOKS.has(handler.name ?? '') && isGateway(declared.getClass());
  if (!isHook || !declaredOn(handler).isGuarded) return undefined;
  return {
    code: 'unguarded-handler',
    cause: `${nameOf(declared)} requires a session, but Nest runs no guards on it.`,
    cure: 'Call `sessions.getSessionOfHandshake(request)` in it, and close the socket if that throws.',
  };
}

function classesIn(
  { controllers, providers }: Module,
  classOf: (wrapper: InstanceWrapper) => Type | undefined,
): Set<Type> {
  const wrappers = [...controllers.values(), ...providers.values()];
  return new Set(wrappers.flatMap((wrapper) => classOf(wrapper) ?? []));
}

function* handlersIn(
  module: Module,
  types: Iterable<Type>,
  isNamed: boolean,
): Generator<HandlerOfModule> {
  for (const type of types) {
    for (const handler of handlersOf(type)) {
      yield { module, isNamed, getHandler: () => handler, getClass: () => type };
    }
  }
}

// Nest runs no interceptor on a field, and a socket has no answer to attach tokens to.
function hasNoAnswer(handler: object): boolean {
  return isField(handler) || isSubscription(handler);
}

function loginFlaw(declared: HandlerOfClass): Flaw | undefined {
  const handler = declared.getHandler();
  const isLogin = Reflect.hasMetadata(CreateSessionMetadata.KEY, handler);
  if (!isLogin || !hasNoAnswer(handler)) return undefined;
  return {
    code: 'unanswered-login',
    cause: `${nameOf(declared)} has @CreateSession() but is not a mutation, so nobody would be logged in:`,
    cure: 'make it a @Mutation().',
  };
}

// Nest 12 gives its configuration this, and its guards to gateways.
function guardsGateways(config: ApplicationConfig): boolean {
  return 'getRouteConflictPolicy' in config;
}
