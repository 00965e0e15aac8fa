import { RequestMethod, type INestApplicationContext } from '@nestjs/common';
import { HTTP_CODE_METADATA, METHOD_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { SessionInputException } from '../errors/session-input.exception.js';
import { askedOfSession, type AskedOfSession } from '../http/routes/asked-of-session.js';
import {
  CreateSessionMetadata,
  type CreateSessionOptions,
} from '../http/decorators/create-session.metadata.js';
import { isSessionGuard } from '../http/decorators/verify-session.metadata.js';
import { declaredHandler } from '../http/routes/guarded-routes.js';
import { itemsOf } from '../options/option-checks.js';
import { checkFlag, readDecoratorOptions } from '../session/input/function-arguments.js';
import { describeBuiltIn, isForClients } from './built-in-operations.js';
import { Components } from './components.js';
import {
  describeGuard,
  describeLogin,
  describeRefresh,
  type DescriptionParts,
} from './described-operations.js';
import { DocumentedHandlers, type DocumentedHandler } from './documented-handlers.js';
import { METHODS, type OpenApiDocument, type Operation, type PathItem } from './openapi.js';
import { OperationDraft } from './operation-draft.js';
import { possibleSchemes, type SessionScheme } from './security-schemes.js';
import { SessionSetUps, type SessionSetUp } from './session-set-ups.js';

/** The options of `describeSessions`. @publicApi */
export interface DescribeSessionsOptions {
  /** How requests carry their session. @default the ways that `tokenTransferMethod` allows */
  schemes?: readonly SessionScheme[];
  /** The tag of the built-in routes. @default 'Sessions' */
  tag?: string;
  /** Whether to name the roles, permissions and login ages that routes require. @default false */
  names?: boolean;
  /** Whether to include routes that only servers use. @default false */
  internalRoutes?: boolean;
}

/**
 * Adds the guard and the logins of an application to an OpenAPI document. It describes which operation needs a session
 * and how to send it, and how requests are refused. It adds the headers of logins, and the answers of the built-in
 * routes. It reads the guard's own decorators, so no others are needed. The application's own descriptions stay.
 *
 * @param document the result of `SwaggerModule.createDocument`, in OpenAPI 3.0 or later. It is not changed
 * @param app the application, after its global prefix and versioning have been set
 * @returns a new document
 * @example
 * ```ts
 * const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Shop').build());
 * SwaggerModule.setup('docs', app, describeSessions(document, app));
 * ```
 * @throws {SessionInputException} for a wrong option
 * @throws {SessionConfigurationError} if the application has neither a `SessionModule` nor a `SessionVerifierModule`
 * @publicApi
 */
export function describeSessions<Document extends OpenApiDocument>(
  document: Document,
  app: INestApplicationContext,
  options: DescribeSessionsOptions = {},
): Document {
  return new SessionsDescription(document, app, checkOptions(options)).finished() as Document;
}

interface Asked {
  readonly schemes: readonly SessionScheme[] | undefined;
  readonly tag: string;
  readonly names: boolean;
  readonly internalRoutes: boolean;
}

/** The description of sessions in a document. */
class SessionsDescription {
  private readonly setUps: SessionSetUps;
  private readonly handlers: DocumentedHandlers;
  private readonly components: Components;
  private readonly globalGuard: object | undefined;

  constructor(
    private readonly document: OpenApiDocument,
    app: INestApplicationContext,
    private readonly asked: Asked,
  ) {
    const modules = app.get(ModulesContainer, { strict: false });
    const config = app.get(ApplicationConfig, { strict: false });
    this.setUps = SessionSetUps.in(app);
    this.handlers = new DocumentedHandlers(modules, config, document);
    this.components = new Components(document);
    const requestGuards = config
      .getGlobalRequestGuards()
      .map(({ instance }) => instance as unknown);
    const globalGuards: unknown[] = [...config.getGlobalGuards(), ...requestGuards];
    this.globalGuard = globalGuards.find(isSessionGuard) as object | undefined;
  }

  finished(): OpenApiDocument {
    const paths = Object.entries(this.document.paths as Record<string, PathItem>).flatMap(
      ([path, item]) => {
        const described = this.pathItem(path, item);
        const isGone =
          METHODS.some((each) => each in item) && !METHODS.some((each) => each in described);
        return isGone ? [] : [[path, described] as const];
      },
    );
    const finished = { ...this.document, paths: Object.fromEntries(paths) };
    return { ...finished, components: this.components.toJSON() };
  }

  private pathItem(path: string, item: PathItem): PathItem {
    const entries = Object.entries(item).flatMap(([method, operation]) => {
      const handlers = METHODS.includes(method) ? this.handlers.of(method, path) : [];
      if (operation === undefined || handlers.length === 0) return [[method, operation] as const];
      const described = this.operation(method, operation, meant(handlers, operation));
      return described === undefined ? [] : [[method, described] as const];
    });
    return Object.fromEntries(entries);
  }

  /** `undefined` for a route that is not in the document. */
  private operation(
    method: string,
    operation: Operation,
    handlers: readonly DocumentedHandler[],
  ): Operation | undefined {
    const [first] = handlers;
    if (first === undefined) return operation;
    const own = this.setUps.ofController(first.type);
    if (own !== undefined && !isForClients(first.handler, own.options)) {
      return this.asked.internalRoutes ? operation : undefined;
    }
    const guards = handlers.map((each) => this.guardOf(each));
    const guard = guards.find((each) => each !== undefined);
    const login = handlers.find(({ handler }) => createSessionOf(handler) !== undefined);
    if (own === undefined && guard === undefined && login === undefined) return operation;
    const draft = this.draftOf(operation, first.handler, method);
    if (guard !== undefined) {
      const isOptional = guards.some((each) => each === undefined);
      const { options } = guard.asked;
      const asked = isOptional
        ? { ...guard.asked, options: { ...options, sessionRequired: false } }
        : guard.asked;
      const parts = this.partsOf(guard.setUp, method);
      if (guard.isRefresh) describeRefresh(draft, parts);
      else describeGuard(draft, asked, parts);
    }
    if (login !== undefined) {
      const { kind, refusal } = createSessionOf(login.handler) ?? {};
      describeLogin(draft, refusal, this.partsOf(this.setUps.ofKind(kind), method));
    }
    if (own !== undefined) {
      const parts = { ...this.partsOf(own, method), tag: this.asked.tag };
      describeBuiltIn(draft, first.handler, operation, parts);
    }
    return draft.finished();
  }

  private draftOf(operation: Operation, handler: object, method: string): OperationDraft {
    const { security = [] } = this.document as { security?: Operation['security'] };
    const isPost =
      Reflect.getMetadata(METHOD_METADATA, handler) === RequestMethod.POST || method === 'post';
    const code = Reflect.getMetadata(HTTP_CODE_METADATA, handler) as number | undefined;
    return new OperationDraft(operation, {
      components: this.components,
      inherited: security,
      cookieNames: this.setUps.cookieNames,
      successStatus: code ?? (isPost ? 201 : 200),
    });
  }

  private partsOf({ options }: SessionSetUp, method: string): DescriptionParts {
    const { schemes, names } = this.asked;
    const ways = schemes ?? possibleSchemes(options);
    return { options, components: this.components, ways, names, method };
  }

  // The guard's requirements on a request, if a guard runs.
  private guardOf({ handler, type, module }: DocumentedHandler): FoundGuard | undefined {
    const context = { getHandler: () => handler, getClass: () => type };
    const declared = declaredHandler(context);
    const isDeclared = [declared.handler, ...declared.classes].some(({ isGuarded }) => isGuarded);
    if (!isDeclared && this.globalGuard === undefined) return undefined;
    const asked = askedOfSession(declared);
    if (asked.kind !== 'guarded') return undefined;
    const guards = [...module.injectables.values()].map(({ instance }): unknown => instance);
    const nearest = guards.find(isSessionGuard) as object | undefined;
    const setUp =
      asked.options.kind === undefined
        ? this.setUps.ofGuard((isDeclared ? nearest : undefined) ?? this.globalGuard)
        : this.setUps.ofKind(asked.options.kind);
    return { asked, setUp, isRefresh: setUp.refreshRoute.isAt(context) };
  }
}

interface FoundGuard {
  readonly asked: Extract<AskedOfSession, { kind: 'guarded' }>;
  readonly setUp: SessionSetUp;
  readonly isRefresh: boolean;
}

function createSessionOf(handler: object): CreateSessionOptions<unknown> | undefined {
  return Reflect.getMetadata(CreateSessionMetadata.KEY, handler) as
    CreateSessionOptions<unknown> | undefined;
}

// For several versions at one path, the document shows one, and the id tells which.
function meant(
  handlers: readonly DocumentedHandler[],
  { operationId = '' }: Operation,
): readonly DocumentedHandler[] {
  const named = handlers.filter(({ type, handler }) =>
    operationId.startsWith(`${type.name}_${(handler as { name?: string }).name}`),
  );
  return named.length > 0 ? named : handlers;
}

function checkOptions(given: DescribeSessionsOptions): Asked {
  const names = ['schemes', 'tag', 'names', 'internalRoutes'] as const;
  const options = readDecoratorOptions(given, names);
  const { schemes, tag = 'Sessions' } = options;
  if (typeof tag !== 'string' || tag === '') {
    throw new SessionInputException('tag', 'must be a non-empty string');
  }
  return {
    schemes: schemes === undefined ? undefined : checkSchemes(schemes),
    tag,
    names: checkFlag('names', options.names) ?? false,
    internalRoutes: checkFlag('internalRoutes', options.internalRoutes) ?? false,
  };
}

function checkSchemes(value: unknown): readonly SessionScheme[] {
  const schemes = itemsOf(value) ?? [];
  if (schemes.length > 0 && schemes.every(isScheme)) return [...new Set(schemes)];
  throw new SessionInputException('schemes', "must be a list of 'cookie' and 'bearer'");
}

function isScheme(value: unknown): value is SessionScheme {
  return value === 'cookie' || value === 'bearer';
}
