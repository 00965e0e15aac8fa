import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

type Listener = (status: number) => void;

// Keyed by Node's own requests: Fastify's requests hold theirs as `raw`, and Express' requests are Node's.
const listeners = new WeakMap<object, Listener[]>();
let isSubscribed = false;

/**
 * Reports the status of a request's answer, once the answer is sent. It serves callers that only know the request,
 * because Fastify's request does not know its response. Node reports nothing for HTTP/2.
 */
export function onceAnswered(request: object, listener: Listener): void {
  const { raw } = request as { raw?: unknown };
  const key = typeof raw === 'object' && raw !== null ? raw : request;
  // Each kind of sessions counts logins by itself.
  listeners.set(key, [...(listeners.get(key) ?? []), listener]);
  if (isSubscribed) return;
  isSubscribed = true;
  subscribe('http.server.response.finish', (message) => {
    const { request: answered, response } = message as {
      request: IncomingMessage;
      response: ServerResponse;
    };
    const all = listeners.get(answered) ?? [];
    listeners.delete(answered);
    for (const each of all) each(response.statusCode);
  });
}
