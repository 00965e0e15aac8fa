/** Puts another function in the place of a method, as decorators for caches, traces and transactions do. */
export function Wrapped(
  _: object,
  __: string,
  descriptor: TypedPropertyDescriptor<(...given: never[]) => unknown>,
): void {
  const { value: method } = descriptor;
  descriptor.value = function (this: unknown, ...given: never[]) {
    return method?.apply(this, given);
  };
}
