/** A value that is read as it is, and the attempts to change it or anything in it. */
export interface Watched<T> {
  readonly value: T;
  readonly changes: readonly string[];
}

/** Watches the plain objects and the arrays; what is of a class stays as it is. */
export function watched<T>(value: T): Watched<T> {
  const changes: string[] = [];
  const noted =
    (what: string) =>
    (_: object, name?: PropertyKey): boolean => {
      changes.push(`${what} ${String(name)}`);
      return true;
    };
  const watch = (each: unknown): unknown => {
    if (typeof each !== 'object' || each === null || !isPlain(each)) return each;
    return new Proxy(each, {
      get: (target, name, receiver) => watch(Reflect.get(target, name, receiver)),
      set: noted('set'),
      defineProperty: noted('define'),
      deleteProperty: noted('delete'),
      setPrototypeOf: () => noted('prototype')(each),
      preventExtensions: (target) => noted('freeze')(each) && Reflect.preventExtensions(target),
    });
  };
  return { value: watch(value) as T, changes };
}

function isPlain(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
