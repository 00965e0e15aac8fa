import type { Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';
import { RoutePaths, type PlacedHandler } from './route-paths.js';

/** The route on which browsers register and prove the keys of sessions. */
export class BindRoute {
  private readonly paths: RoutePaths;
  private handler: PlacedHandler | undefined;

  constructor(
    private readonly apiBasePath: string,
    modules: ModulesContainer,
    config: ApplicationConfig,
  ) {
    this.paths = new RoutePaths(modules, config);
  }

  /** The path as a browser calls it: with the global prefix, unless that excludes the route, and the module's path. */
  get path(): string {
    this.handler ??= this.paths.find((handler, type) => this.isAt(handler, type))[0];
    const [path = ''] = this.handler === undefined ? [] : this.paths.of(...this.handler);
    return `/${path.split('/').filter(Boolean).join('/')}`;
  }

  private isAt(handler: object, type: Type): boolean {
    return (
      Reflect.getMetadata(PATH_METADATA, handler) === BUILT_IN_ROUTES.bind &&
      Reflect.getMetadata(PATH_METADATA, type) === this.apiBasePath
    );
  }
}
