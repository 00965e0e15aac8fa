import type { Type } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import { methodNameOf } from '../context/method-name.js';

/** A handler in its class, as in Nest's context. */
export interface HandlerOfClass {
  getHandler(): object;
  getClass(): Type;
}

/** The methods of a class, also inherited ones. */
export function handlersOf(type: Type): object[] {
  const prototype = type.prototype as Record<string, object>;
  const names = new MetadataScanner().getAllMethodNames(prototype);
  return names.flatMap((name) => prototype[name] ?? []);
}

/** A handler's name with its class, for messages. */
export function nameOf(context: HandlerOfClass): string {
  return `${context.getClass().name}.${methodNameOf(context)}`;
}
