/** What Express' and Fastify's requests share, and nothing more is read of them. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket?: { readonly encrypted?: boolean } | undefined;
  readonly ip?: string | undefined;
}

/** @throws {TypeError} for what is no request of an HTTP platform */
export function asHttpRequest(request: unknown): HttpRequest {
  const candidate = request as Partial<HttpRequest> | null | undefined;
  if (typeof candidate?.headers === 'object' && typeof candidate.method === 'string') {
    return candidate as HttpRequest;
  }
  throw new TypeError('expected the request of Express or Fastify (with `method` and `headers`)');
}

/** A header that was sent once, or the first of its kind, as Node gives it. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The host that the client asked for, with its port. */
export function hostOf(request: HttpRequest): string {
  return (headerOf(request, 'host') ?? headerOf(request, ':authority') ?? '').toLowerCase();
}
