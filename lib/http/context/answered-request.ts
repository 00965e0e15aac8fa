import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { nodeRequestOf } from '../../session/input/by-request.js';

type Listener = (status: number) => void;

/** Node's own request. Only that of HTTP/2 has a stream of Node's. */
interface NodeRequest {
  readonly httpVersionMajor?: number;
  readonly stream?: ServerHttp2Stream;
}

// Keyed by Node's own requests, which are all that Node reports.
const listeners = new WeakMap<object, Listener[]>();
let isSubscribed = false;

/**
 * Reports the status of a request's answer, once the answer is sent. It serves callers that only know the request,
 * because Fastify's request does not know its response. It reports nothing if no answer has begun when the client goes
 * away.
 */
export function onceAnswered(request: object, listener: Listener): void {
  const key: NodeRequest = nodeRequestOf(request);
  // Each kind of sessions counts logins by itself.
  const others = listeners.get(key);
  listeners.set(key, [...(others ?? []), listener]);
  const { httpVersionMajor, stream } = key;
  if (httpVersionMajor !== 2 || stream === undefined) return subscribeOnce();
  if (others !== undefined) return;
  stream.once('close', () => {
    report(key, stream.sentHeaders?.[':status'] as number | undefined);
  });
}

// Node publishes nothing for HTTP/2.
function subscribeOnce(): void {
  if (isSubscribed) return;
  isSubscribed = true;
  subscribe('http.server.response.finish', (message) => {
    const { request, response } = message as {
      request: IncomingMessage;
      response: ServerResponse;
    };
    report(request, response.statusCode);
  });
}

function report(request: object, status: number | undefined): void {
  const all = listeners.get(request) ?? [];
  listeners.delete(request);
  if (status === undefined) return;
  for (const each of all) each(status);
}
