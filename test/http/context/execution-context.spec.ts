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

  it.each(['ws', 'rpc'])('are not there for a handler of %s', (type) => {
    expect(() => requestAndResponseOf(contextOf(type, [{}, {}]))).toThrow(
      `sessions need an HTTP request; this handler is called by "${type}"`,
    );
  });
});
