import type { ApplicationConfig } from '@nestjs/core';
import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';

/** The route on which browsers register and prove the keys of sessions. */
export class BindRoute {
  constructor(
    private readonly apiBasePath: string,
    private readonly config: Pick<ApplicationConfig, 'getGlobalPrefix'>,
  ) {}

  /** The path with the application's global prefix, as a browser calls it. */
  get path(): string {
    const parts = [this.config.getGlobalPrefix(), this.apiBasePath, BUILT_IN_ROUTES.bind];
    return `/${parts.flatMap((part) => part.split('/').filter(Boolean)).join('/')}`;
  }
}
