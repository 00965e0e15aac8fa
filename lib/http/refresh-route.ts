import { RequestMethod, type Type } from '@nestjs/common';
import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';

/**
 * Finds the application's own refresh route, which may replace the built-in one. It compares the declared path of the
 * handler, never the request's, so that a wildcard route can't become one.
 */
export class RefreshRoute {
  /** Without its leading slash. */
  readonly path: string;

  constructor(apiBasePath: string) {
    this.path = normalised(`${apiBasePath}/${BUILT_IN_ROUTES.refresh}`);
  }

  isAt(context: { getHandler(): object; getClass(): Type }): boolean {
    const handler = context.getHandler();
    if (Reflect.getMetadata(METHOD_METADATA, handler) !== RequestMethod.POST) return false;
    const prefixes = declaredPaths(context.getClass());
    const paths = declaredPaths(handler);
    return prefixes.some((prefix) =>
      paths.some((path) => normalised(`${prefix}/${path}`) === this.path),
    );
  }
}

function declaredPaths(target: object): string[] {
  const path: unknown = Reflect.getMetadata(PATH_METADATA, target);
  return [path].flat().filter((each) => typeof each === 'string');
}

function normalised(path: string): string {
  return path.split('/').filter(Boolean).join('/');
}
