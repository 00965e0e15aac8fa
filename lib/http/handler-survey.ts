import { Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { Flaw } from '../errors/flaw.js';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { askedOfSession } from './asked-of-session.js';
import { CreateSessionMetadata } from './decorators/create-session.metadata.js';
import { declaredOn, GUARDS_SESSIONS } from './decorators/verify-session.metadata.js';
import {
  declaredHandler,
  GuardedRoutes,
  type GuardedRoute,
  type HandlerOfClass,
} from './guarded-routes.js';

// @nestjs/graphql registers the fields of a type (including references) and its options under these names. Nothing is
// imported from it here.
const FIELD_METADATA = ['graphql:resolve_property', 'graphql:resolve_reference'];
const GRAPHQL_OPTIONS = 'GqlModuleOptions';
const RESOLVER_TYPE = 'graphql:resolver_type';
// @nestjs/websockets does the same.
const GATEWAY_METADATA = 'websockets:is_gateway';
const MESSAGE_METADATA = 'websockets:message_mapping';
const GATEWAY_HOOKS: ReadonlySet<string> = new Set([
  'afterInit',
  'handleConnection',
  'handleDisconnect',
]);

interface GraphQlOptions {
  readonly fieldResolverEnhancers?: readonly string[];
}

/** Checks all handlers when the application starts, so that no mistake waits for a request. */
@Injectable()
export class HandlerSurvey {
  private readonly scanner = new MetadataScanner();

  constructor(
    private readonly modules: ModulesContainer,
    private readonly config: ApplicationConfig,
    private readonly routes: GuardedRoutes,
  ) {}

  /**
   * @param problemOf names a requirement of a handler that this module can't meet
   * @throws {SessionConfigurationError} that names the handler whose decorators can't take effect
   */
  check(problemOf: (route: GuardedRoute) => string | undefined = () => undefined): void {
    for (const declared of this.handlers()) {
      const flaw = loginFlaw(declared) ?? this.fieldFlaw(declared);
      if (flaw !== undefined) throw new SessionConfigurationError(`${flaw.cause} ${flaw.cure}`);
      const route = this.routes.isDeclared(declared) ? this.routes.of(declared) : undefined;
      const problem = route && problemOf(route);
      if (problem !== undefined) {
        throw new SessionConfigurationError(`${nameOf(declared)} ${problem}`);
      }
    }
  }

  /** Handlers that seem guarded, but are not. */
  flaws(): Flaw[] {
    const all = [...this.handlers()];
    const isGlobal = [
      ...this.config.getGlobalGuards(),
      ...this.config.getGlobalRequestGuards().map(({ instance }) => instance as object),
    ].some((guard) => GUARDS_SESSIONS in guard.constructor);
    return all.flatMap(
      (each) =>
        loginFlaw(each) ??
        this.fieldFlaw(each) ??
        hookFlaw(each) ??
        (isGlobal ? gatewayFlaw(each) : undefined) ??
        [],
    );
  }

  private fieldFlaw(declared: HandlerOfClass): Flaw | undefined {
    if (!isField(declared.getHandler()) || !this.routes.isDeclared(declared)) return undefined;
    if (askedOfSession(declaredHandler(declared)).kind !== 'guarded') return undefined;
    const areFieldsGuarded = this.graphQlOptions().every(({ fieldResolverEnhancers = [] }) =>
      fieldResolverEnhancers.includes('guards'),
    );
    return areFieldsGuarded ? undefined : unguardedField(declared);
  }

  private *handlers(): Generator<HandlerOfClass> {
    for (const type of this.classes()) {
      for (const handler of this.handlersOf(type)) {
        yield { getHandler: () => handler, getClass: () => type };
      }
    }
  }

  private classes(): Set<Type> {
    const wrappers = [...this.modules.values()].flatMap(({ controllers, providers }) => [
      ...controllers.values(),
      ...providers.values(),
    ]);
    const types = wrappers.map(({ metatype }) => metatype as Partial<Type> | null | undefined);
    return new Set(types.filter((type) => typeof type?.prototype === 'object') as Type[]);
  }

  private handlersOf(type: Type): object[] {
    const prototype = type.prototype as Record<string, object>;
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => prototype[name] ?? []);
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

// A guard of the whole application does not apply to gateways.
function gatewayFlaw(declared: HandlerOfClass): Flaw | undefined {
  if (Reflect.getMetadata(MESSAGE_METADATA, declared.getHandler()) !== true) return undefined;
  const { handler, classes } = declaredHandler(declared);
  if ([handler, ...classes].some((each) => each.isGuarded || each.isPublic)) return undefined;
  return {
    code: 'unguarded-handler',
    cause: `${nameOf(declared)} is open: the guard of the application (APP_GUARD) does not apply to gateways.`,
    cure: 'Put @VerifySession() on the gateway, or @PublicAccess() if it should be open.',
  };
}

function isGateway(type: Type): boolean {
  return Reflect.getMetadata(GATEWAY_METADATA, type) === true;
}

function isField(handler: object): boolean {
  return FIELD_METADATA.some((key) => Reflect.hasMetadata(key, handler));
}

// Nest runs no interceptor on a field, and a socket has no answer to attach tokens to.
function hasNoAnswer(handler: object): boolean {
  return isField(handler) || Reflect.getMetadata(RESOLVER_TYPE, handler) === 'Subscription';
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

function nameOf(declared: HandlerOfClass): string {
  return `${declared.getClass().name}.${(declared.getHandler() as { name?: string }).name}`;
}
