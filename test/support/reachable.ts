/** Every value that code, or a log, can come to from another one by properties, entries and elements. No getter runs. */
export function reachableFrom(start: unknown): Set<unknown> {
  const reached = new Set<unknown>([start]);
  for (const value of reached) {
    for (const next of heldBy(value)) reached.add(next);
  }
  return reached;
}

function heldBy(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  const entries = value instanceof Map || value instanceof Set ? [...value.entries()].flat() : [];
  const properties = Reflect.ownKeys(value).map(
    (key): unknown => Reflect.getOwnPropertyDescriptor(value, key)?.value,
  );
  return [...entries, ...properties];
}
