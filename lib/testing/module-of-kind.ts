import type { INestApplicationContext, Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { findPart } from '../options/kind.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';

/** The providers of the application's module for one kind of sessions. */
export interface ModuleOfKind {
  readonly options: ResolvedSessionOptions;
  get<T>(type: Type<T>): T;
}

/** @throws {Error} if the application has no such module */
export function moduleOfKind(app: INestApplicationContext, kind?: string): ModuleOfKind {
  for (const module of app.get(ModulesContainer).values()) {
    const options = findPart<ResolvedSessionOptions>(module.providers, RESOLVED_SESSION_OPTIONS);
    if (options === undefined || options.kind !== kind) continue;
    return { options, get: <T>(type: Type<T>) => findPart<T>(module.providers, type) as T };
  }
  const name = kind === undefined ? 'SessionModule' : `SessionModule.forRoot({ kind: '${kind}' })`;
  throw new Error(`the application does not import ${name}`);
}
