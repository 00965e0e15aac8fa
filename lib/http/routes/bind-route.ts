import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { isPostAt, normalisedPath } from './declared-path.js';
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
    const declared = `${this.apiBasePath}/${BUILT_IN_ROUTES.bind}`;
    this.handler ??= this.paths.find((handler, type) => isPostAt(declared, handler, type))[0];
    const [path = ''] = this.handler === undefined ? [] : this.paths.of(...this.handler);
    return `/${normalisedPath(path)}`;
  }
}
