import type { ExecutionContext } from '@nestjs/common';

/** The platform's request and response behind a handler. */
export interface RequestAndResponse {
  request: unknown;
  response: unknown;
}

/** What GraphQL servers put into a resolver's context: Apollo `req` and `res`, Mercurius `reply`. */
interface GraphQlContext {
  req?: { res?: unknown };
  request?: unknown;
  res?: unknown;
  reply?: { request?: unknown };
}

/**
 * Finds request and response of an HTTP handler or a GraphQL resolver.
 *
 * @throws {TypeError} where the context has none: sessions need both
 */
export function requestAndResponseOf(context: ExecutionContext): RequestAndResponse {
  const type = context.getType<string>();
  if (type === 'http') {
    const http = context.switchToHttp();
    return { request: http.getRequest<unknown>(), response: http.getResponse<unknown>() };
  }
  if (type === 'graphql') {
    const graphQl = context.getArgByIndex<GraphQlContext | undefined>(2);
    const request = graphQl?.req ?? graphQl?.request ?? graphQl?.reply?.request;
    const response = graphQl?.res ?? graphQl?.reply ?? graphQl?.req?.res;
    if (request !== undefined && response !== undefined) return { request, response };
    throw new TypeError('the GraphQL context holds no request and response: give it { req, res }');
  }
  throw new TypeError(`sessions need an HTTP request; this handler is called by "${type}"`);
}

/** Whether a handler is called by a GraphQL mutation, which changes something also where it comes by GET. */
export function isMutation(context: ExecutionContext): boolean {
  if (context.getType<string>() !== 'graphql') return false;
  const info = context.getArgByIndex<{ operation?: { operation?: unknown } } | undefined>(3);
  return info?.operation?.operation === 'mutation';
}
