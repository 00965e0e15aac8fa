import type { Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import { isSessionGuard } from './decorators/verify-session.metadata.js';
import type { HandlerOfClass } from './guarded-routes.js';

/** The class that a module itself names for a provider or controller. */
export function namedClass({ metatype, inject }: InstanceWrapper): Type | undefined {
  return !Array.isArray(inject) && isClass(metatype) ? metatype : undefined;
}

/** The class of an instance that a factory or a value provides; `undefined` for plain values. */
export function providedClass(wrapper: InstanceWrapper): Type | undefined {
  const { inject, token } = wrapper;
  const instance: unknown = wrapper.instance;
  if (typeof instance === 'object' && instance !== null) {
    const prototype = Object.getPrototypeOf(instance) as { constructor?: unknown } | null;
    const type = prototype?.constructor;
    return isClass(type) && type !== Object ? type : undefined;
  }
  // Nest makes no instance before the request if the factory's scope is the request.
  return Array.isArray(inject) && isClass(token) ? token : undefined;
}

/**
 * Whether Nest leaves out a guard of a handler. It looks guards up by their class, among those of classes that the
 * module names. It knows none of a class that a factory makes, or, before Nest 12, that `useClass` names.
 */
export function isGuardLeftOut({ injectables }: Module, declared: HandlerOfClass): boolean {
  return [declared.getClass(), declared.getHandler()]
    .flatMap((target) => (Reflect.getMetadata(GUARDS_METADATA, target) as unknown[]) ?? [])
    .some((guard) => isClass(guard) && isSessionGuard(guard) && !injectables.has(guard));
}

function isClass(value: unknown): value is Type {
  return typeof value === 'function' && typeof value.prototype === 'object';
}
