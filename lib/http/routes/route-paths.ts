import { VersioningType, type RequestMethod, type Type } from '@nestjs/common';
import {
  METHOD_METADATA,
  MODULE_PATH,
  PATH_METADATA,
  VERSION_METADATA,
} from '@nestjs/common/constants.js';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import { handlersOf } from './handlers-of-class.js';

/** A controller's handler with its class and module. */
export type PlacedHandler = readonly [handler: object, type: Type, module: Module];

/** Knows the paths that Nest gives to handlers, once prefix and versioning have been set. */
export class RoutePaths {
  private readonly factory: RoutePathFactory;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly config: ApplicationConfig,
  ) {
    this.factory = new RoutePathFactory(config);
  }

  find(isSought: (handler: object, type: Type) => boolean): PlacedHandler[] {
    return [...this.modules.values()].flatMap((module) =>
      [...module.controllers.values()].flatMap(({ metatype }) => {
        const type = metatype as Type;
        return handlersOf(type)
          .filter((handler) => isSought(handler, type))
          .map((handler): PlacedHandler => [handler, type, module]);
      }),
    );
  }

  /** @param globalPrefix default: that of the application */
  of(
    handler: object,
    type: Type,
    { metatype }: Module,
    globalPrefix = this.config.getGlobalPrefix(),
  ): string[] {
    const versioningOptions = this.config.getVersioning();
    const byUri =
      versioningOptions?.type === VersioningType.URI ? versioningOptions.defaultVersion : undefined;
    const { applicationId } = this.modules;
    return this.factory.create(
      {
        ctrlPath: read(PATH_METADATA, type),
        methodPath: read(PATH_METADATA, handler),
        modulePath: read(MODULE_PATH + applicationId, metatype) ?? read(MODULE_PATH, metatype),
        globalPrefix: globalPrefix === '' ? '' : `/${globalPrefix.replace(/^\/|\/$/g, '')}`,
        controllerVersion: read(VERSION_METADATA, type) ?? byUri,
        methodVersion: read(VERSION_METADATA, handler),
        versioningOptions,
      } as unknown as Parameters<RoutePathFactory['create']>[0],
      read(METHOD_METADATA, handler) as RequestMethod,
    );
  }
}

function read(key: string, target: object): unknown {
  return Reflect.getMetadata(key, target);
}
