import { RequestMethod } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';

/** The route on which browsers register and prove the keys of sessions. */
export class BindRoute {
  private readonly paths: RoutePathFactory;

  constructor(
    private readonly apiBasePath: string,
    private readonly config: ApplicationConfig,
  ) {
    this.paths = new RoutePathFactory(config);
  }

  /** The path as a browser calls it: with the application's global prefix, unless that excludes the route. */
  get path(): string {
    const route = {
      ctrlPath: this.apiBasePath,
      methodPath: BUILT_IN_ROUTES.bind,
      globalPrefix: this.config.getGlobalPrefix(),
    };
    const [path = ''] = this.paths.create(route, RequestMethod.POST);
    return `/${path.split('/').filter(Boolean).join('/')}`;
  }
}
