import type { ArgumentsHost, ExecutionContext } from '@nestjs/common';
import { replyTo } from './fastify-replies.js';
import { headerOf, type HttpRequest } from './http-request.js';

/** The platform's request and response behind a handler. */
export interface RequestAndResponse {
  request: unknown;
  response: unknown;
}

/** The handshake that graphql-ws and gateways keep with a socket. */
interface Socket {
  readonly request?: unknown;
}

/** The content of a resolver's context: Apollo sets `req` and `res`, Mercurius `reply`. */
interface GraphQlContext {
  req?: { res?: unknown };
  request?: unknown;
  res?: unknown;
  reply?: { request?: unknown };
  /** The data that graphql-ws keeps with a socket. */
  extra?: Socket;
}

/**
 * Finds the request and response of an HTTP handler, a GraphQL resolver or a gateway. A gateway has the request of its
 * socket's handshake, and no response.
 *
 * @throws {TypeError} if the context has none
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
  const setToken = isMessage(context)
    ? 'set `messages.token` in a service without a database, or '
    : '';
  throw new TypeError(
    `sessions need an HTTP request, and this handler is called by "${type}": ${setToken}open it with @PublicAccess() ` +
      'and verify a token by hand',
  );
}

/** The same; `undefined` if the context has none. */
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
  refuseSharedContext(request, graphQl?.reply?.request);
  if (isHandshake(request)) return { request, response: undefined };
  const response = graphQl?.res ?? graphQl?.reply ?? graphQl?.req?.res ?? replyTo(request);
  if (isAnswered(response)) throw sharedContext();
  return request === undefined || response === undefined ? undefined : { request, response };
}

// Mercurius sets the reply in the context at each request, but Nest's driver sets the request only at the first. If
// `context` is one shared object, a resolver would get one user's request and another's reply.
function refuseSharedContext(request: unknown, answered: unknown): void {
  const isFastifys = (request as { raw?: unknown } | undefined)?.raw !== undefined;
  if (isFastifys && answered !== undefined && request !== answered) throw sharedContext();
}

// Up to version 13, the driver for Apollo keeps the first request in a shared context too, with its response.
function isAnswered(response: unknown): boolean {
  const { raw = response } = (response ?? {}) as { raw?: unknown };
  return (raw as { writableEnded?: unknown } | undefined)?.writableEnded === true;
}

function sharedContext(): TypeError {
  return new TypeError(
    'the GraphQL context is one object for all requests, so users would get the sessions of others: ' +
      'let `context` be a function that returns a new object each time',
  );
}

// The drivers for graphql-ws put the socket's `extra` in the place of HTTP's request.
function requestIn(graphQl: GraphQlContext | undefined): unknown {
  const found = graphQl?.req ?? graphQl?.request ?? graphQl?.reply?.request;
  const ofSocket =
    (found as { extra?: Socket } | undefined)?.extra ?? (found as Socket | undefined);
  const handshake = ofSocket?.request ?? graphQl?.extra?.request;
  return isHandshake(handshake) ? handshake : found;
}

/** The object that keeps a guard's result. Sockets can share a handshake, but each has its own session. */
export function keeperOf(context: ArgumentsHost, request: unknown): unknown {
  return context.getType<string>() === 'ws' ? context.switchToWs().getClient<unknown>() : request;
}

/** Whether a handler is called by a message on a socket, whose only request is that of its handshake. */
export function isOnSocket(context: ExecutionContext, request: unknown): boolean {
  const type = context.getType<string>();
  return type === 'ws' || (type === 'graphql' && isHandshake(request));
}

// Anybody can send the header with a request that is answered like others. Node tells which ones it hands over at an
// upgrade, and so does Fastify's plugin for sockets.
function isHandshake(request: unknown): boolean {
  const { headers, raw = request, ws } = (request ?? {}) as Partial<HttpRequest> & Upgradable;
  if (typeof headers !== 'object' || (headers as unknown) === null) return false;
  if ((raw as Upgradable).upgrade !== true && ws !== true) return false;
  return headerOf(request as HttpRequest, 'upgrade')?.toLowerCase() === 'websocket';
}

interface Upgradable {
  readonly raw?: unknown;
  readonly upgrade?: unknown;
  readonly ws?: unknown;
}

/** Whether a handler is called by a GraphQL mutation, which changes something even by GET. */
export function isMutation(context: ExecutionContext): boolean {
  if (context.getType<string>() !== 'graphql') return false;
  const info = context.getArgByIndex<{ operation?: { operation?: unknown } } | undefined>(3);
  return info?.operation?.operation === 'mutation';
}

/** Whether a handler is called by a message between services. */
export function isMessage(context: ArgumentsHost): boolean {
  return context.getType<string>() === 'rpc';
}

/**
 * The object that keeps a handler's session: the request, the socket of a gateway, or the context of a message.
 *
 * @throws {TypeError} if there is none of these
 */
export function sessionHolderOf(context: ArgumentsHost): unknown {
  return findSessionHolder(context) ?? requestAndResponseOf(context).request;
}

/** The same; `undefined` if there is none of these. */
export function findSessionHolder(context: ArgumentsHost): unknown {
  const message: unknown = isMessage(context) ? context.switchToRpc().getContext() : undefined;
  const isHolder = typeof message === 'object' && message !== null;
  return isHolder ? message : keeperOf(context, findRequestAndResponse(context)?.request);
}
