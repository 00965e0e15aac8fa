import { Injectable } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { GRAPHQL_OPTIONS } from '../routes/nest-marks.js';

/** The functions of Fastify that are called. */
interface FastifyLike {
  addHook(
    name: 'onRequest',
    hook: (request: object, reply: object, done: () => void) => void,
  ): unknown;
}

const replies = new WeakMap<object, object>();
const linked = new WeakSet<object>();

/** Fastify's reply to a request, in an application with GraphQL. */
export function replyTo(request: unknown): object | undefined {
  return typeof request === 'object' && request !== null ? replies.get(request) : undefined;
}

/**
 * Keeps each request's reply. On Fastify, the default context of GraphQL servers is the request alone, which does not
 * know its reply. Express' requests do. Without GraphQL, nothing is kept.
 */
@Injectable()
export class FastifyReplies {
  constructor(
    private readonly modules: ModulesContainer,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** Call this before Fastify is ready, because it accepts no hook afterwards. */
  keep(): void {
    const { httpAdapter } = this.adapterHost as Partial<HttpAdapterHost>;
    if (httpAdapter?.getType() !== 'fastify' || !this.hasGraphQl()) return;
    const fastify = httpAdapter.getInstance<FastifyLike>();
    // The application may have another of our modules.
    if (linked.has(fastify)) return;
    linked.add(fastify);
    fastify.addHook('onRequest', (request, reply, done) => {
      replies.set(request, reply);
      done();
    });
  }

  private hasGraphQl(): boolean {
    return [...this.modules.values()].some(({ providers }) => providers.has(GRAPHQL_OPTIONS));
  }
}
