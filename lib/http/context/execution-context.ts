import type { ArgumentsHost, ExecutionContext } from '@nestjs/common';
import { headerOf, type HttpRequest } from './http-request.js';

/** The platform's request and response behind a handler. */
export interface RequestAndResponse {
  request: unknown;
  response: unknown;
}

/** What graphql-ws and gateways keep of a socket's handshake. */
interface Socket {
  readonly request?: unknown;
}

/** What GraphQL servers put into a resolver's context: Apollo `req` and `res`, Mercurius `reply`. */
interface GraphQlContext {
  req?: { res?: unknown };
  request?: unknown;
  res?: unknown;
  reply?: { request?: unknown };
  /** What graphql-ws keeps of a socket. */
  extra?: Socket;
}

/**
 * Finds request and response of an HTTP handler, a GraphQL resolver or a gateway. A gateway has the request of its
 * socket's handshake, and no response.
 *
 * @throws {TypeError} where the context has none
 */
export function requestAndResponseOf(context: ArgumentsHost): RequestAndResponse {
  const found = findRequestAndResponse(context);
  if (found !== undefined) return found;
  const type = context.getType<string>();
  if (type === 'graphql') {
    throw new TypeError('the GraphQL context holds no request and response: give it { req, res }');
  }
  if (type === 'ws') {
    throw new TypeError(
      'the socket does not know its handshake: in `handleConnection(client, request)` set `client.request = request`',
    );
  }
  throw new TypeError(
    `sessions need an HTTP request; this handler is called by "${type}": open it with @PublicAccess()`,
  );
}

/** The same; `undefined` where the context has none. */
export function findRequestAndResponse(context: ArgumentsHost): RequestAndResponse | undefined {
  switch (context.getType<string>()) {
    case 'http': {
      const http = context.switchToHttp();
      return { request: http.getRequest<unknown>(), response: http.getResponse<unknown>() };
    }
    case 'graphql':
      return inGraphQl(context.getArgByIndex<GraphQlContext | undefined>(2));
    case 'ws': {
      const request = context.switchToWs().getClient<Socket | undefined>()?.request;
      return request === undefined ? undefined : { request, response: undefined };
    }
    default:
      return undefined;
  }
}

function inGraphQl(graphQl: GraphQlContext | undefined): RequestAndResponse | undefined {
  const request = requestIn(graphQl);
  if (isHandshake(request)) return { request, response: undefined };
  const response = graphQl?.res ?? graphQl?.reply ?? graphQl?.req?.res;
  return request === undefined || response === undefined ? undefined : { request, response };
}

// The drivers for graphql-ws put the socket's `extra` where HTTP has its request.
function requestIn(graphQl: GraphQlContext | undefined): unknown {
  const found = graphQl?.req ?? graphQl?.request ?? graphQl?.reply?.request;
  const ofSocket =
    (found as { extra?: Socket } | undefined)?.extra ?? (found as Socket | undefined);
  const handshake = ofSocket?.request ?? graphQl?.extra?.request;
  return isHandshake(handshake) ? handshake : found;
}

/** Whether a handler is called by a message on a socket, which has nothing but the request of its handshake. */
export function isOnSocket(context: ExecutionContext, request: unknown): boolean {
  const type = context.getType<string>();
  return type === 'ws' || (type === 'graphql' && isHandshake(request));
}

// Browsers let no page set this header on a request of its own (Fetch standard, forbidden request-header).
function isHandshake(request: unknown): boolean {
  const { headers } = (request ?? {}) as Partial<HttpRequest>;
  if (typeof headers !== 'object' || (headers as unknown) === null) return false;
  return headerOf(request as HttpRequest, 'upgrade')?.toLowerCase() === 'websocket';
}

/** Whether a handler is called by a GraphQL mutation, which changes something also where it comes by GET. */
export function isMutation(context: ExecutionContext): boolean {
  if (context.getType<string>() !== 'graphql') return false;
  const info = context.getArgByIndex<{ operation?: { operation?: unknown } } | undefined>(3);
  return info?.operation?.operation === 'mutation';
}
