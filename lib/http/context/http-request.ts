/** What Express' and Fastify's requests share, and nothing more is read of them. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket?: { readonly encrypted?: boolean } | undefined;
  readonly ip?: string | undefined;
  /** What the client asked for, before a router took a prefix off it. */
  readonly originalUrl?: string | undefined;
  readonly url?: string | undefined;
}

/** @throws {TypeError} for what is no request of an HTTP platform */
export function asHttpRequest(request: unknown): HttpRequest {
  const candidate = request as Partial<HttpRequest> | null | undefined;
  if (isHttpRequest(candidate)) return candidate;
  throw new TypeError('expected the request of Express or Fastify (with `method` and `headers`)');
}

// What a getter throws says nothing to whoever passed the wrong thing.
function isHttpRequest(
  candidate: Partial<HttpRequest> | null | undefined,
): candidate is HttpRequest {
  try {
    return (
      typeof candidate?.method === 'string' &&
      typeof candidate.headers === 'object' &&
      (candidate.headers as unknown) !== null
    );
  } catch {
    return false;
  }
}

/** A header that was sent once, or the first of its kind, as Node gives it. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  if (typeof value === 'string' || value === undefined) return value;
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof first === 'string' ? first : undefined;
}

/** The host that the client asked for, with its port. */
export function hostOf(request: HttpRequest): string {
  return (headerOf(request, 'host') ?? headerOf(request, ':authority') ?? '').toLowerCase();
}

/** The path that the client asked for, as it was sent. */
export function pathOf({ originalUrl, url }: HttpRequest): string {
  const target = originalUrl ?? url ?? '/';
  return target.split('?', 1)[0] ?? '/';
}
