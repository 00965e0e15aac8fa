/** The common properties of Express' and Fastify's responses. */
export interface HttpResponse {
  getHeader(name: string): unknown;
  removeHeader(name: string): unknown;
  header(name: string, value: string | string[]): unknown;
  readonly headersSent?: boolean;
  readonly sent?: boolean;
  /** Node's own response, if this is Fastify's. */
  readonly raw?: NodeResponse & { readonly headersSent?: boolean };
}

/** The additional properties of Node's own response. */
export interface NodeResponse {
  removeHeader(name: string): unknown;
  setHeader(name: string, value: string | string[]): unknown;
  writeHead(status: number, ...rest: unknown[]): unknown;
  readonly req?: {
    readonly httpVersionMajor?: number;
    readonly method?: string;
    readonly headers?: Record<string, string | string[] | undefined>;
  };
}

/** @throws {TypeError} if it is not a response of an HTTP platform */
export function asHttpResponse(response: unknown): HttpResponse {
  const candidate = response as (Partial<HttpResponse> & Partial<NodeResponse>) | null | undefined;
  if (isHttpResponse(candidate)) return candidate;
  throw new TypeError(
    'expected the response of Express or Fastify (in a handler: `@Res({ passthrough: true })`)',
  );
}

function isHttpResponse(
  candidate: Partial<HttpResponse> | null | undefined,
): candidate is HttpResponse {
  try {
    return (
      typeof candidate?.getHeader === 'function' && typeof candidate.removeHeader === 'function'
    );
  } catch {
    return false;
  }
}

export function areHeadersSent(response: HttpResponse): boolean {
  return (
    response.headersSent === true || response.sent === true || response.raw?.headersSent === true
  );
}

/** Replaces a header. Fastify's `header()` appends cookies to existing ones, so the old value is removed first. */
export function setHeader(response: HttpResponse, name: string, value: string | string[]): void {
  response.removeHeader(name);
  if (typeof response.header === 'function') response.header(name, value);
  else nodeResponseOf(response).setHeader(name, value);
}

/** Makes an answer the last one of its connection. HTTP/2 has no such header. */
export function endConnection(response: HttpResponse): void {
  const isHttp1 = nodeResponseOf(response).req?.httpVersionMajor === 1;
  if (isHttp1) setHeader(response, 'connection', 'close');
}

/** Node's own response behind the platform's. */
export function nodeResponseOf(response: HttpResponse): NodeResponse {
  return response.raw ?? (response as unknown as NodeResponse);
}

/** Removes a header, also one that Nest 11 has put into Node's own response behind Fastify's. */
export function removeHeader(response: HttpResponse, name: string): void {
  response.removeHeader(name);
  response.raw?.removeHeader(name);
}

/** The values of a header that may have several. */
export function headerValues(response: HttpResponse, name: string): string[] {
  const value = response.getHeader(name) as string | number | string[] | null | undefined;
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

/** Adds missing values to a comma-separated list (`Vary`, `Access-Control-Expose-Headers`). */
export function addToListHeader(
  response: HttpResponse,
  name: string,
  added: readonly string[],
): void {
  const present = headerValues(response, name)
    .flatMap((value) => value.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const known = new Set(present.map((each) => each.toLowerCase()));
  if (known.has('*') && name.toLowerCase() === 'vary') return;
  const missing = added.filter((each) => !known.has(each.toLowerCase()));
  if (missing.length > 0) setHeader(response, name, [...present, ...missing].join(', '));
}
