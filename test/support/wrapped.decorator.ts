/** Puts another function in the place of a method, as decorators for caches, traces and transactions do. */
export function Wrapped(_: object, __: string, descriptor: PropertyDescriptor): void {
  const method = descriptor.value as (...given: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...given: unknown[]) {
    return method.apply(this, given);
  };
}

/** The same, with what other decorators have left on the method. */
export function WrappedWithMetadata(
  target: object,
  name: string,
  descriptor: PropertyDescriptor,
): void {
  const method = descriptor.value as object;
  Wrapped(target, name, descriptor);
  for (const key of Reflect.getMetadataKeys(method) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), descriptor.value as object);
  }
}
