import {
  addToListHeader,
  nodeResponseOf,
  setHeader,
  type HttpResponse,
  type NodeResponse,
} from '../context/http-response.js';

const CACHE_CONTROL = 'cache-control';
const NO_STORE = 'no-store';
const guarded = new WeakSet<object>();

/** RFC 9111 §5.2.2.5: a shared cache would hand a stored token to the next visitor (ASVS 14.3.2). */
export function keepOutOfCaches(response: HttpResponse): void {
  setHeader(response, CACHE_CONTROL, NO_STORE);
  addToListHeader(response, 'vary', ['Cookie', 'Authorization', 'Origin']);
}

/** The same for an answer with tokens, even if its handler sets cache headers later. */
export function keepOutOfCachesFinally(response: HttpResponse): void {
  keepOutOfCaches(response);
  const node = nodeResponseOf(response);
  forgetConditions(node);
  if (guarded.has(node) || typeof node.writeHead !== 'function') return;
  guarded.add(node);
  const writeHead = node.writeHead.bind(node);
  // Express keeps its headers in Node's response, but Fastify hands them over at this moment.
  node.writeHead = (status, ...rest) => {
    node.setHeader(CACHE_CONTROL, NO_STORE);
    return writeHead(status, ...rest.map(withNoStore));
  };
}

// Express and `@fastify/etag` answer 304 to a client that knows the body, and a cache keeps what a 304 brings. With
// another method, `If-None-Match` keeps a handler from overwriting what is there, and no 304 comes (RFC 9110 §13.1.2).
function forgetConditions({ req }: NodeResponse): void {
  if (req?.method !== 'GET' && req?.method !== 'HEAD') return;
  delete req.headers?.['if-none-match'];
  delete req.headers?.['if-modified-since'];
}

function withNoStore(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return headers;
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== CACHE_CONTROL);
  return { ...Object.fromEntries(others), [CACHE_CONTROL]: NO_STORE };
}
