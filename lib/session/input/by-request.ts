/**
 * Keeps something about a request for as long as the request is there. A middleware of Fastify gets Node's request,
 * which Fastify's own holds as `raw`: both are the same one.
 */
export class ByRequest<Value> {
  private readonly values = new WeakMap<object, Value>();

  get(request: object): Value | undefined {
    return this.values.get(nodeRequestOf(request));
  }

  set(request: object, value: Value): void {
    this.values.set(nodeRequestOf(request), value);
  }
}

/** Node's own request. Express' requests are Node's. */
export function nodeRequestOf(request: object): object {
  const raw: unknown = (request as { raw?: unknown } | null | undefined)?.raw;
  return typeof raw === 'object' && raw !== null ? raw : request;
}
