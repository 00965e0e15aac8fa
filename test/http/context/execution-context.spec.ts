import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { describe, expect, it } from 'vitest';
import { requestAndResponseOf } from '../../../lib/http/context/execution-context.js';

const response = { name: 'response' };
const request = { name: 'request', res: response };

function contextOf(type: string, args: unknown[]): ExecutionContextHost {
  const context = new ExecutionContextHost(args);
  context.setType(type);
  return context;
}

describe('request and response', () => {
  it('are the two arguments of an HTTP handler', () => {
    expect(requestAndResponseOf(contextOf('http', [request, response]))).toEqual({
      request,
      response,
    });
  });

  it.each([
    ['Apollo with { req, res }', { req: request, res: response }],
    ['Apollo with { req } on Express', { req: request }],
    ['Mercurius, whose reply holds the request', { reply: { request, name: 'reply' } }],
    ['{ request, reply }', { request, reply: response }],
    ['Yoga with { request, res }', { request, res: response }],
  ])("are found in a resolver's context: %s", (_, graphQl) => {
    const found = requestAndResponseOf(contextOf('graphql', [{}, {}, graphQl, {}]));
    expect(found.request).toBe(request);
    expect(found.response).toBeDefined();
  });

  it.each([undefined, {}, { req: { name: 'no response' } }, { res: response }])(
    'are asked for where a resolver has no such context: %j',
    (graphQl) =>
      expect(() => requestAndResponseOf(contextOf('graphql', [{}, {}, graphQl, {}]))).toThrow(
        'the GraphQL context holds no request and response: give it { req, res }',
      ),
  );

  it('are those of the handshake for a message on a socket, without a response', () => {
    const headers = { upgrade: 'WebSocket' };
    const handshake = { method: 'GET', upgrade: true, headers };
    const found = { request: handshake, response: undefined };
    expect(requestAndResponseOf(contextOf('ws', [{ request: handshake }]))).toEqual(found);
    for (const graphQl of [
      { req: { extra: { request: handshake } } },
      { req: handshake, res: response },
      { extra: { request: handshake } },
    ]) {
      expect(requestAndResponseOf(contextOf('graphql', [{}, {}, graphQl, {}]))).toEqual(found);
    }
    // The header alone makes no handshake.
    const plain = { ...handshake, upgrade: false };
    const other = contextOf('graphql', [{}, {}, { req: plain, res: response }, {}]);
    expect(requestAndResponseOf(other)).toEqual({ request: plain, response });
  });

  it('are asked for where a socket does not know its handshake', () => {
    expect(() => requestAndResponseOf(contextOf('ws', [{}, {}]))).toThrow(
      'the socket does not know its handshake: in `handleConnection(client, request)` set `client.request = request`',
    );
  });

  it('are not there for a message of a microservice, nor of a queue', () => {
    expect(() => requestAndResponseOf(contextOf('rpc', [{}, {}]))).toThrow(
      'sessions need an HTTP request, and this handler is called by "rpc": set `messages.token` in a service without a ' +
        'database, or open it with @PublicAccess() and verify a token by hand',
    );
    expect(() => requestAndResponseOf(contextOf('queue', [{}, {}]))).toThrow(
      'sessions need an HTTP request, and this handler is called by "queue": open it with @PublicAccess() and verify a ' +
        'token by hand',
    );
  });
});
