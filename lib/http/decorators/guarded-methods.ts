// By class and name, because a decorator above may put another function in the method's place.
const guarded = new WeakMap<object, Map<string | symbol, Set<object>>>();

/** Notes a method with one of our decorators that guard it. */
export function noteGuardedMethod(
  target: object,
  name?: string | symbol,
  descriptor?: PropertyDescriptor,
): void {
  const method = descriptor?.value as object | undefined;
  if (name === undefined || method === undefined) return;
  const ofClass = guarded.get(target) ?? new Map<string | symbol, Set<object>>();
  guarded.set(target, ofClass.set(name, (ofClass.get(name) ?? new Set()).add(method)));
}

/** The functions that have stood under a name of a class itself, and were guarded. */
export function guardedMethods(prototype: object, name: string): readonly object[] {
  return [...(guarded.get(prototype)?.get(name) ?? [])];
}
