import type { Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import { isSessionGuard } from './decorators/verify-session.metadata.js';
import type { HandlerOfClass } from './guarded-routes.js';

/** The class of a provider or controller, also if a factory makes its instance; `undefined` for plain values. */
export function classOfProvider({
  metatype,
  inject,
  instance,
  token,
}: InstanceWrapper): Type | undefined {
  if (!Array.isArray(inject) && isClass(metatype)) return metatype;
  // Nest makes no instance before the request if the factory's scope is the request.
  const made: unknown = instance ? (Object.getPrototypeOf(instance) as Type | null) : undefined;
  const type: unknown = (made as { constructor?: unknown } | null | undefined)?.constructor;
  return [type, token].find((each): each is Type => isClass(each) && each !== Object);
}

/**
 * Whether Nest leaves out a guard of a handler. It looks guards up by their class, among those of classes that the
 * module lists themselves. It knows none of a class that a factory makes, or, before Nest 12, that `useClass` names.
 */
export function isGuardLeftOut({ injectables }: Module, declared: HandlerOfClass): boolean {
  return [declared.getClass(), declared.getHandler()]
    .flatMap((target) => (Reflect.getMetadata(GUARDS_METADATA, target) as unknown[]) ?? [])
    .some((guard) => isClass(guard) && isSessionGuard(guard) && !injectables.has(guard));
}

function isClass(value: unknown): value is Type {
  return typeof value === 'function' && typeof value.prototype === 'object';
}
