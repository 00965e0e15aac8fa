import { RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import { handlersOf } from '../http/routes/handlers-of-class.js';
import { RoutePaths } from '../http/routes/route-paths.js';
import { METHODS, type OpenApiDocument, type PathItem } from './openapi.js';

/** A handler of a controller, in the controller's module. */
export interface DocumentedHandler {
  readonly handler: object;
  readonly type: Type;
  readonly module: Module;
}

type ByOperation = ReadonlyMap<string, readonly DocumentedHandler[]>;

/** Finds the handlers of a document's operations, by the paths that Nest gives them. */
export class DocumentedHandlers {
  private readonly paths: RoutePaths;
  private readonly byOperation: ByOperation;

  constructor(
    private readonly modules: ModulesContainer,
    config: ApplicationConfig,
    document: OpenApiDocument,
  ) {
    this.paths = new RoutePaths(modules, config);
    const documented = Object.entries(document.paths as Record<string, PathItem>).flatMap(
      ([path, item]) =>
        METHODS.filter((each) => each in item).map((each) => documentedKey(each, path)),
    );
    // A document may have been made with `ignoreGlobalPrefix`.
    const found = ['', config.getGlobalPrefix()].map((prefix) => this.read(prefix));
    const hits = found.map((each) => documented.filter((key) => each.has(key)).length);
    const [without = new Map(), within = new Map()] = found;
    this.byOperation = (hits[0] ?? 0) > (hits[1] ?? 0) ? without : within;
  }

  /** Several if versions outside of the path share it. */
  of(method: string, path: string): readonly DocumentedHandler[] {
    return this.byOperation.get(documentedKey(method, path)) ?? [];
  }

  private read(globalPrefix: string): ByOperation {
    const found = new Map<string, DocumentedHandler[]>();
    for (const module of this.modules.values()) {
      for (const { metatype } of module.controllers.values()) {
        const type = metatype as Type;
        for (const handler of handlersOf(type).filter(isRoute)) {
          for (const key of this.keysOf(handler, type, module, globalPrefix)) {
            found.set(key, [...(found.get(key) ?? []), { handler, type, module }]);
          }
        }
      }
    }
    return found;
  }

  private keysOf(handler: object, type: Type, module: Module, globalPrefix: string): string[] {
    const method = read(METHOD_METADATA, handler) as RequestMethod;
    const paths = this.paths.of(handler, type, module, globalPrefix);
    const methods = method === RequestMethod.ALL ? METHODS : [RequestMethod[method].toLowerCase()];
    return methods.flatMap((each) => paths.map((path) => routeKey(each, path)));
  }
}

// A parameter may be named differently in the document and in the route.
const PARAMETER = '{}';

function isRoute(handler: object): boolean {
  return Reflect.hasMetadata(METHOD_METADATA, handler);
}

function read(key: string, target: object): unknown {
  return Reflect.getMetadata(key, target);
}

function documentedKey(method: string, path: string): string {
  return `${method} ${trimmed(path.replaceAll(/\{[^}]*\}/g, PARAMETER))}`;
}

function routeKey(method: string, route: string): string {
  const path = route
    .replaceAll(/\((?:[^()]|\([^()]*\))*\)|[{}]/g, '')
    .replaceAll(/\\(.)|:\w+\??|\*\w*/g, (_, literal?: string) => literal ?? PARAMETER);
  return `${method} ${trimmed(path)}`;
}

function trimmed(path: string): string {
  return path.split('/').filter(Boolean).join('/');
}
