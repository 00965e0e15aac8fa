import type { Type } from '@nestjs/common';
import { ownToken, type SessionKind } from '../options/kind.js';

/** Finds the providers of an application: the application itself, or a `ModuleRef` in a factory. @publicApi */
export interface ProviderSource {
  get(token: never, options: { strict: false }): unknown;
}

/** The application, or a function that returns it later. @publicApi */
export type ApplicationOrLater = ProviderSource | (() => ProviderSource);

/** A provider of a kind of sessions, looked up in the application when it is first needed. */
export function later<T>(
  application: ApplicationOrLater,
  kind: SessionKind,
  type: Type<T>,
): () => T {
  let found: T | undefined;
  return () => {
    if (found === undefined) {
      const source = typeof application === 'function' ? application() : application;
      const token = kind === undefined ? type : ownToken(kind, type);
      found = source.get(token as never, { strict: false }) as T;
    }
    return found;
  };
}
