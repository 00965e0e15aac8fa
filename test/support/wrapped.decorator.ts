/** Puts another function in the place of a method, as decorators for caches, traces and transactions do. */
export function Wrapped(_: object, __: string, descriptor: PropertyDescriptor): void {
  const method = descriptor.value as (...given: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...given: unknown[]) {
    return method.apply(this, given);
  };
}
