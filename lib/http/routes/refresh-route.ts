import type { Type } from '@nestjs/common';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { isPostAt, normalisedPath } from './declared-path.js';

/**
 * Finds the application's own refresh route, which may replace the built-in one. It compares the declared path of the
 * handler, never the request's, so that a wildcard route can't become one.
 */
export class RefreshRoute {
  /** Without its leading slash. */
  readonly path: string;

  constructor(apiBasePath: string) {
    this.path = normalisedPath(`${apiBasePath}/${BUILT_IN_ROUTES.refresh}`);
  }

  isAt(context: { getHandler(): object; getClass(): Type }): boolean {
    return isPostAt(this.path, context.getHandler(), context.getClass());
  }
}
