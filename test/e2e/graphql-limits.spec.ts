import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Args, GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { afterEach, describe, expect, it } from 'vitest';
import { CreateSession, SessionStoreUnavailableException, VerifySession } from '../../lib/index.js';
import { Scene } from '../support/scene.js';

@Resolver()
class LoginResolver {
  @Query(() => String)
  away(): string {
    throw new SessionStoreUnavailableException();
  }

  @Query(() => String)
  @VerifySession()
  secret(): string {
    return 'secret';
  }

  @Mutation(() => String)
  @CreateSession()
  login(@Args('userId') userId: string): string {
    return userId;
  }
}

const context = (request: object, reply: object): object => ({ request, reply });
const SERVERS = [
  [
    'Apollo',
    'express',
    GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
  ],
  [
    'Apollo',
    'fastify',
    GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      context,
    }),
  ],
  [
    'Mercurius',
    'fastify',
    GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
      context,
    }),
  ],
] as const;

describe.each(SERVERS)('an error that asks for patience, on %s on %s', (_, platform, graphQl) => {
  let scene: Scene;
  afterEach(() => scene.close());

  async function ask(query: string) {
    const answer = await scene.post('/graphql', {}, { query });
    const { errors } = answer.json as { errors?: { extensions: Record<string, unknown> }[] };
    return { headers: answer.headers, extensions: errors?.[0]?.extensions };
  }

  it('says TOO_MANY_REQUESTS with 429, and SERVICE_UNAVAILABLE with 503, and after which time to ask again', async () => {
    scene = await Scene.open({
      platform,
      imports: [graphQl],
      providers: [LoginResolver],
      sessions: { rateLimit: { logins: { max: 2, per: '1m' } } },
    });
    const login = 'mutation { login(userId: "u1") }';
    expect((await ask(login)).extensions).toBeUndefined();
    const limited = await ask(login);
    expect(limited.extensions).toMatchObject({
      code: 'TOO_MANY_REQUESTS',
      originalError: { statusCode: 429, code: 'TOO_MANY_REQUESTS' },
    });
    expect(limited.headers['retry-after']).toBe('60');
    const away = await ask('{ away }');
    expect(away.extensions).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      originalError: { statusCode: 503, code: 'SESSION_STORE_UNAVAILABLE' },
    });
    expect(away.headers['retry-after']).toBe('5');
  });

  it('is none for a right password of a user with too many sessions', async () => {
    scene = await Scene.open({
      platform,
      imports: [graphQl],
      providers: [LoginResolver],
      sessions: {
        maxSessionsPerUser: { max: 1, onLimit: 'refuse' },
        rateLimit: { failures: { max: 2, per: '10m' } },
      },
    });
    const login = 'mutation { login(userId: "u1") }';
    expect((await ask(login)).extensions).toBeUndefined();
    const codes: unknown[] = [];
    for (let count = 0; count < 4; count += 1) codes.push((await ask(login)).extensions?.['code']);
    expect(codes).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
  });
});

describe('a batch of many refused queries', () => {
  let scene: Scene;
  afterEach(() => scene.close());

  it('has each of its texts read a few times, however many there are', async () => {
    let reads = 0;
    const counting = ({ query }: { query: string }): object => ({
      get query(): string {
        reads += 1;
        return query;
      },
    });
    scene = await Scene.open({
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          autoSchemaFile: true,
          allowBatchedHttpRequests: true,
        }),
      ],
      providers: [LoginResolver],
      prepare: (app) => {
        app.use((request: object, _response: object, next: () => void) => {
          let body: unknown;
          Object.defineProperty(request, 'body', {
            get: () => body,
            set: (parsed: unknown) => {
              const isBatch = Array.isArray(parsed);
              body = isBatch ? parsed.map((each: { query: string }) => counting(each)) : parsed;
            },
          });
          next();
        });
      },
    });
    const batch = Array.from({ length: 200 }, () => ({ query: '{ secret }' }));
    const answer = await scene.post('/graphql', {}, batch);
    expect([answer.status, (answer.json as unknown[]).length]).toEqual([401, 200]);
    expect(reads).toBeLessThan(10 * batch.length);
  });
});
