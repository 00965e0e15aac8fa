import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { DynamicModule } from '@nestjs/common';
import type { GraphqlWsSubscriptions } from '../../lib/index.js';
import type { Platform } from './boot-app.js';

/** A GraphQL server of Nest's on a platform. */
export interface GraphQlServer {
  readonly server: 'Apollo' | 'Mercurius';
  readonly platform: Platform;
  /** The module as Nest's own documentation sets it up, with the schema from the code. */
  graphQl(options?: object): DynamicModule;
}

function apollo(options: object = {}): DynamicModule {
  return GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    ...('typeDefs' in options ? {} : { autoSchemaFile: true }),
    ...options,
  });
}

function mercurius(options: object = {}): DynamicModule {
  return GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    ...('typeDefs' in options ? {} : { autoSchemaFile: true }),
    ...options,
  });
}

/** Apollo with subscriptions over graphql-ws, as docs/live.md sets it up. */
export function apolloWithSubscriptions(
  subscriptions: () => GraphqlWsSubscriptions,
): DynamicModule {
  return GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    subscriptions: { 'graphql-ws': subscriptions() },
  });
}

export const graphQlServers: readonly GraphQlServer[] = [
  { server: 'Apollo', platform: 'express', graphQl: apollo },
  { server: 'Apollo', platform: 'fastify', graphQl: apollo },
  { server: 'Mercurius', platform: 'fastify', graphQl: mercurius },
];

export interface GraphQlAnswer {
  readonly data: Record<string, unknown> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: Record<string, unknown>;
  }[];
}
