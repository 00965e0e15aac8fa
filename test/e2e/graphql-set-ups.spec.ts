import { Catch, Module, Scope, type DynamicModule, type ExceptionFilter } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { createHash } from 'node:crypto';
import {
  Args,
  Field,
  ID,
  Mutation,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { ApolloDriver } from '@nestjs/apollo';
import { createClient } from 'graphql-ws';
import mercurius from 'mercurius';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  CreateSession,
  CurrentSession,
  SessionGuard,
  TryRefreshTokenException,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import type { BootOptions } from '../support/boot-app.js';
import { graphQlServers, type GraphQlAnswer } from '../support/graphql-servers.js';
import {
  accessCookie,
  bothCookies,
  holderOf,
  HOST,
  Scene,
  type Headers,
  type Holder,
} from '../support/scene.js';

@ObjectType()
class Person {
  @Field(() => ID)
  id!: string;
}

@Resolver(() => Person)
class PersonResolver {
  @Query(() => Person)
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): Person {
    return { id: session.getUserId() };
  }

  @Query(() => Person)
  outdated(): never {
    throw new TryRefreshTokenException();
  }

  @Query(() => String)
  broken(): never {
    throw new Error('broken');
  }

  @ResolveField(() => String, { nullable: true })
  ending(): never {
    throw new UnauthorizedSessionException();
  }

  @ResolveField(() => String)
  handle(@CurrentSession() session: SessionContainer): string {
    return session.getHandle();
  }

  @Mutation(() => Person)
  @CreateSession<Person>({ userId: ({ id }) => id })
  login(@Args('id') id: string): Person {
    return { id };
  }

  @Mutation(() => Person)
  @VerifySession()
  async rename(@CurrentSession() session: SessionContainer): Promise<Person> {
    await session.mergeIntoAccessTokenPayload({ name: 'new' });
    return { id: session.getUserId() };
  }

  @Subscription(() => String)
  @VerifySession()
  ticks(): AsyncIterable<{ ticks: string }> {
    return (async function* () {
      yield { ticks: 'tick' };
    })();
  }
}

@Resolver(() => Person)
class PerRequestResolver {
  @Query(() => String)
  @VerifySession()
  whoami(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }
}
Reflect.defineMetadata('scope:options', { scope: Scope.REQUEST }, PerRequestResolver);

@Catch()
class EveryError implements ExceptionFilter {
  readonly seen: unknown[] = [];

  catch(exception: unknown): unknown {
    this.seen.push(exception);
    return exception;
  }
}

class OwnContext {
  readonly by = 'us';
}

let scene: Scene;
afterEach(() => scene.close());

async function open(module: DynamicModule, options: BootOptions = {}): Promise<void> {
  scene = await Scene.open({ imports: [module], providers: [PersonResolver], ...options });
}

async function ask(query: string, headers: Headers = {}) {
  const answer = await scene.post('/graphql', headers, { query });
  return { ...answer, ...(answer.json as GraphQlAnswer) };
}

async function expectSessionsToWork(): Promise<void> {
  const login = await ask('mutation { login(id: "ada") { id handle } }');
  const holder = holderOf(login);
  expect(login.data).toEqual({ login: { id: 'ada', handle: holder.handle } });
  const renamed = await ask('mutation { rename { id } }', bothCookies(holder));
  expect(renamed.setCookies).toHaveLength(1);
  const query = '{ me { id handle } }';
  const { data } = await ask(query, bothCookies(holder));
  expect(data).toEqual({ me: { id: 'ada', handle: holder.handle } });
  scene.booted.clock.advanceMs(3_601_000);
  for (const late of [query, '{ outdated { id } }']) {
    const answer = await ask(late, bothCookies(holder));
    expect([answer.status, answer.errors?.[0]?.message]).toEqual([401, 'try refresh token']);
  }
}

describe.each(graphQlServers)(
  'sessions with $server on $platform',
  ({ server, platform, graphQl }) => {
    it.each<[string, object]>([
      ['no context', {}],
      ['a context of nothing', { context: () => undefined }],
      ['a context of its own', { context: () => ({ by: 'us' }) }],
      ['a context that is an object of a class', { context: () => new OwnContext() }],
      ['a context that waits', { context: async () => Promise.resolve({ by: 'us' }) }],
      ['errors that are not transformed', { autoTransformHttpErrors: false }],
      ['the statuses of errors', { preserveHttpStatusForExecutionErrors: false }],
      [
        'errors of which the message alone is left',
        {
          formatError: ({ message }: { message: string }) => ({ message }),
        },
      ],
      ['enhancers on fields', { fieldResolverEnhancers: ['guards', 'interceptors', 'filters'] }],
    ])('work with %s', async (_, options) => {
      await open(graphQl(options), { platform });
      await expectSessionsToWork();
    });

    it('work behind a guard of the whole application', async () => {
      await open(graphQl({ fieldResolverEnhancers: ['guards'] }), {
        platform,
        providers: [PersonResolver, { provide: APP_GUARD, useExisting: SessionGuard }],
      });
      await expectSessionsToWork();
      expect((await ask('{ broken }')).errors?.[0]?.message).toBe('unauthorised');
    });

    it.each([
      ['take the cookies away for an error of a field, with filters on fields', ['filters'], 2],
      ['leave the cookies for an error of a field, without', [], 0],
    ])('%s', async (_, fieldResolverEnhancers, cleared) => {
      await open(graphQl({ fieldResolverEnhancers }), { platform });
      const { access } = await scene.login('u1');
      const answer = await ask('{ me { ending } }', accessCookie(access));
      expect(answer.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
      expect(answer.setCookies).toHaveLength(cleared);
    });

    it('work with a filter for every error', async () => {
      const filter = new EveryError();
      await open(graphQl(), { platform, prepare: (app) => void app.useGlobalFilters(filter) });
      await expectSessionsToWork();
      expect(filter.seen).toHaveLength(2);
    });

    it('work with resolvers made for each request', async () => {
      await open(graphQl(), { platform, providers: [PersonResolver, PerRequestResolver] });
      const { access } = await scene.login('u1');
      expect((await ask('{ whoami }', accessCookie(access))).data).toEqual({ whoami: 'u1' });
    });

    it('work under a path of its own with a prefix', async () => {
      await open(graphQl({ path: '/api/graph' }), { platform });
      const answer = await scene.post('/api/graph', {}, { query: '{ me { id } }' });
      expect(answer.status).toBe(401);
    });

    it('work with queries that are persisted, by GET and by POST', async () => {
      const options =
        server === 'Mercurius'
          ? { persistedQueryProvider: mercurius.persistedQueryDefaults.automatic() }
          : {};
      await open(graphQl(options), { platform });
      const { access } = await scene.login('u1');
      const query = '{ me { id } }';
      const sha256Hash = createHash('sha256').update(query).digest('hex');
      const extensions = { persistedQuery: { version: 1, sha256Hash } };
      const post = (headers: Headers) => scene.post('/graphql', headers, { query, extensions });
      expect((await post({})).status).toBe(401);
      expect((await post(accessCookie(access))).json).toEqual({ data: { me: { id: 'u1' } } });
      const parameters = new URLSearchParams({ extensions: JSON.stringify(extensions) });
      const get = (headers: Headers) =>
        scene.get(`/graphql?${parameters.toString()}`, {
          ...headers,
          'apollo-require-preflight': '1',
        });
      expect((await get({})).status).toBe(401);
      const answer = await get(accessCookie(access));
      expect(answer.json).toEqual({ data: { me: { id: 'u1' } } });
    });
  },
);

// Older drivers keep the first request in it, for all that follow.
const apolloCopiesContexts = 'cloneContext' in ApolloDriver.prototype;

describe.each(graphQlServers)(
  'a context that is one object for all, with $server on $platform',
  ({ server, platform, graphQl }) => {
    const shared = { by: 'us' };
    const isCopied = server === 'Apollo' && apolloCopiesContexts;
    it.each<[string, unknown]>([
      ['itself', shared],
      ['by a function', () => shared],
    ])('gives nobody the session of somebody else: %s', async (_, context) => {
      await open(graphQl({ context }), { platform });
      const users = await Promise.all(['u1', 'u2', 'u3'].map((id) => scene.login(id)));
      const askAs = async ({ userId, access }: Holder) => {
        const { data, errors } = await ask('{ me { id } }', accessCookie(access));
        return { userId, id: (data?.['me'] as Person | undefined)?.id, errors };
      };
      const inTurn: Awaited<ReturnType<typeof askAs>>[] = [];
      for (const user of users) inTurn.push(await askAs(user));
      const answers = [...inTurn, ...(await Promise.all(users.map(askAs)))];
      const answered = answers.filter(({ errors }) => errors === undefined);
      expect(answered.map(({ id }) => id)).toEqual(answered.map(({ userId }) => userId));
      const said = new Set(answers.flatMap(({ errors = [] }) => errors.map((e) => e.message)));
      expect([...said].map((message) => message.includes('let `context` be a function'))).toEqual(
        isCopied ? [] : [true],
      );
      const logins = await Promise.all(
        ['v1', 'v2'].map((id) => ask(`mutation { login(id: "${id}") { id } }`)),
      );
      for (const { setCookies } of logins) expect(setCookies).toHaveLength(isCopied ? 2 : 0);
    });
  },
);

describe.each(graphQlServers.filter(({ server }) => server === 'Apollo'))(
  'a context that keeps the first request, with $server on $platform',
  ({ platform, graphQl }) => {
    it('gives nobody the session of somebody else', async () => {
      let first: unknown;
      const context = (given: { req?: unknown }) => ({ req: (first ??= given.req ?? given) });
      await open(graphQl({ context }), { platform });
      const { access } = await scene.login('u1');
      const own = await ask('{ me { id } }', accessCookie(access));
      expect(own.data).toEqual({ me: { id: 'u1' } });
      for (const other of [await scene.login('u2'), undefined]) {
        const { data, errors = [] } = await ask('{ me { id } }', accessCookie(other?.access));
        expect(data ?? null).toBeNull();
        expect(errors[0]?.message).toContain('let `context` be a function');
      }
    });
  },
);

describe('sessions with Mercurius on fastify', () => {
  const [, , server] = graphQlServers;

  it('work with queries that are compiled', async () => {
    await open(server?.graphQl({ jit: 1 }) ?? never(), { platform: 'fastify' });
    await ask('{ me { id } }');
    await ask('{ outdated { id } }');
    await expectSessionsToWork();
  });
});

describe('a subscription over graphql-ws to Apollo on Express', () => {
  it('is refused with what a query is refused with', async () => {
    const [apollo] = graphQlServers;
    await open(apollo?.graphQl({ subscriptions: { 'graphql-ws': true } }) ?? never());
    const { access } = await scene.login('u1');
    const first = async (token: string) => {
      class Socket extends WebSocket {
        constructor(url: string, protocols: string[]) {
          super(url, protocols, { headers: { host: HOST, ...accessCookie(token) } });
        }
      }
      const url = `${scene.booted.url.replace('http', 'ws')}/graphql`;
      const client = createClient({ url, webSocketImpl: Socket, retryAttempts: 0 });
      try {
        for await (const each of client.iterate({ query: 'subscription { ticks }' })) return each;
        return undefined;
      } finally {
        await client.dispose();
      }
    };
    expect(await first(access)).toEqual({ data: { ticks: 'tick' } });
    expect(await first(`${access}x`)).toMatchObject({
      errors: [
        {
          message: 'try refresh token',
          extensions: { code: 'UNAUTHENTICATED', originalError: { code: 'TRY_REFRESH_TOKEN' } },
        },
      ],
    });
  });
});

@Module({})
class NeverModule {}

function never(): DynamicModule {
  return { module: NeverModule };
}
