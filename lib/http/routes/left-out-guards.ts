import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import type { Module } from '@nestjs/core/injector/module.js';
import { isSessionGuard } from '../decorators/verify-session.metadata.js';
import type { HandlerOfClass } from './handlers-of-class.js';
import { isClass } from './provided-classes.js';

/**
 * Whether Nest leaves out a guard of a handler. It looks guards up by their class, among those of classes that the
 * module names. It knows none of a class that a factory makes, or, before Nest 12, that `useClass` names.
 */
export function isGuardLeftOut({ injectables }: Module, declared: HandlerOfClass): boolean {
  return [declared.getClass(), declared.getHandler()]
    .flatMap((target) => (Reflect.getMetadata(GUARDS_METADATA, target) as unknown[]) ?? [])
    .some((guard) => isClass(guard) && isSessionGuard(guard) && !injectables.has(guard));
}
