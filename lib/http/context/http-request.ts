/** The common properties of Express' and Fastify's requests. No others are read. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket?: { readonly encrypted?: boolean } | undefined;
  readonly ip?: string | undefined;
  /** The client's URL, before a router removed a prefix. */
  readonly originalUrl?: string | undefined;
  readonly url?: string | undefined;
}

/** @throws {TypeError} if it is not a request of an HTTP platform */
export function asHttpRequest(request: unknown): HttpRequest {
  const candidate = request as Partial<HttpRequest> | null | undefined;
  if (isHttpRequest(candidate)) return candidate;
  throw new TypeError('expected the request of Express or Fastify (with `method` and `headers`)');
}

// A getter's error would tell the caller with the wrong argument nothing.
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

/** A header that was sent once, or the first of its kind, as Node returns it. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  if (typeof value === 'string' || value === undefined) return value;
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof first === 'string' ? first : undefined;
}

/** The host of the client's request, with its port. */
export function hostOf(request: HttpRequest): string {
  return (headerOf(request, 'host') ?? headerOf(request, ':authority') ?? '').toLowerCase();
}

/** The path of the client's request, as it was sent. */
export function pathOf({ originalUrl, url }: HttpRequest): string {
  const target = originalUrl ?? url ?? '/';
  return target.split('?', 1)[0] ?? '/';
}
