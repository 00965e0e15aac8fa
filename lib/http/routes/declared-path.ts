import { RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';

/**
 * Whether a controller declares that a handler takes `POST` at this path. Slashes at either end don't count: Nest keeps
 * an empty path as `/`.
 */
export function isPostAt(path: string, handler: object, type: Type): boolean {
  if (Reflect.getMetadata(METHOD_METADATA, handler) !== RequestMethod.POST) return false;
  const wanted = normalisedPath(path);
  const paths = declaredPaths(handler);
  return declaredPaths(type).some((prefix) =>
    paths.some((each) => normalisedPath(`${prefix}/${each}`) === wanted),
  );
}

/** The path without slashes at its ends, and with one between its segments. */
export function normalisedPath(path: string): string {
  return path.split('/').filter(Boolean).join('/');
}

function declaredPaths(target: object): string[] {
  const path: unknown = Reflect.getMetadata(PATH_METADATA, target);
  return [path].flat().filter((each) => typeof each === 'string');
}
