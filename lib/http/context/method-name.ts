import type { HandlerOfClass } from '../routes/handlers-of-class.js';

/**
 * The name under which a class has a handler, by which Nest stores its parameters. A decorator that replaces a method
 * gives the function another name, or none.
 */
export function methodNameOf(context: HandlerOfClass): string {
  const handler = context.getHandler();
  let prototype = context.getClass().prototype as object | null;
  while (prototype !== null) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (value === handler) return name;
    }
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return (handler as { name?: string }).name ?? '';
}
