import { Injectable, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { GuardedRoutes } from './guarded-routes.js';

// @nestjs/graphql files the fields of a type (a reference counts as one) and its options under these names; nothing of it is
// imported here.
const FIELD_METADATA = ['graphql:resolve_property', 'graphql:resolve_reference'];
const GRAPHQL_OPTIONS = 'GqlModuleOptions';

interface GraphQlOptions {
  readonly fieldResolverEnhancers?: readonly string[];
}

/** Looks at all handlers when the application starts, so that no mistake waits for a request. */
@Injectable()
export class HandlerSurvey {
  private readonly scanner = new MetadataScanner();

  constructor(
    private readonly modules: ModulesContainer,
    private readonly routes: GuardedRoutes,
  ) {}

  /** @throws {SessionConfigurationError} naming the handler whose decorators can't do what they say */
  check(): void {
    const areFieldsGuarded = this.graphQlOptions().every(({ fieldResolverEnhancers = [] }) =>
      fieldResolverEnhancers.includes('guards'),
    );
    for (const type of this.classes()) {
      for (const handler of this.handlersOf(type)) {
        const declared = { getHandler: () => handler, getClass: () => type };
        if (!this.routes.isDeclared(declared)) continue;
        const route = this.routes.of(declared);
        const isField = FIELD_METADATA.some((key) => Reflect.hasMetadata(key, handler));
        if (route !== undefined && isField && !areFieldsGuarded) throw unguardedField(declared);
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

function unguardedField(declared: {
  getClass(): Type;
  getHandler(): object;
}): SessionConfigurationError {
  const handler = declared.getHandler() as { name?: string };
  const name = `${declared.getClass().name}.${handler.name}`;
  return new SessionConfigurationError(
    `${name} is a field that asks for a session, but GraphQLModule runs no guards on fields. ` +
      "Add `fieldResolverEnhancers: ['guards']` to GraphQLModule's options, or open the field with @PublicAccess().",
  );
}
