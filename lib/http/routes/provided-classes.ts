import type { Type } from '@nestjs/common';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';

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

export function isClass(value: unknown): value is Type {
  return typeof value === 'function' && typeof value.prototype === 'object';
}
