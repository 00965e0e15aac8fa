import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Args,
  Field,
  GraphQLModule,
  ID,
  Mutation,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { ModuleMetadata, Type } from '@nestjs/common';
import { createClient, type Client } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  CreateSession,
  CurrentSession,
  PublicAccess,
  RequireFresh,
  Session,
  SessionConfigurationError,
  SessionService,
  sessionSubscriptions,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { bootApp, type Platform } from '../support/boot-app.js';
import { QueryCounter } from '../support/query-counter.js';
import { CLEARED_COOKIES } from '../support/refusal.js';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';

@ObjectType()
class Account {
  @Field(() => ID)
  id!: string;
}

@Resolver(() => Account)
class AccountResolver {
  merges = 0;
  logins = 0;

  @Query(() => Account)
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): Account {
    return { id: session.getUserId() };
  }

  @Query(() => String, { nullable: true })
  @VerifySession({ roles: ['admin'] })
  secret(): string {
    return 'secret';
  }

  @Query(() => String)
  thrown(): string {
    throw new UnauthorizedSessionException();
  }

  @Mutation(() => String)
  @CreateSession()
  login(@Args('userId') userId: string): string {
    this.logins += 1;
    return userId;
  }

  @Query(() => String)
  @VerifySession({ checkDatabase: true })
  checked(): string {
    return 'checked';
  }

  @Mutation(() => String)
  @VerifySession({ checkDatabase: true })
  doubleChecked(): string {
    return 'checked';
  }

  @Mutation(() => String)
  @VerifySession()
  async upgrade(
    @CurrentSession() session: SessionContainer,
    @Args('plan') plan: string,
  ): Promise<string> {
    this.merges += 1;
    await session.mergeIntoAccessTokenPayload({ plan });
    return plan;
  }
}

interface GraphQlAnswer {
  data: Record<string, unknown> | null;
  errors?: { message: string; extensions: Record<string, unknown> }[];
}

const context = (request: object, reply: object): object => ({ request, reply });
const SERVERS: [string, Platform, (options?: object) => ModuleMetadata['imports'] & object][] = [
  [
    'Apollo',
    'express',
    (options) => [
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        ...options,
      }),
    ],
  ],
  [
    'Apollo',
    'fastify',
    (options) => [
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        context,
        ...options,
      }),
    ],
  ],
  [
    'Mercurius',
    'fastify',
    (options) => [
      GraphQLModule.forRoot<MercuriusDriverConfig>({
        driver: MercuriusDriver,
        autoSchemaFile: true,
        context,
        ...options,
      }),
    ],
  ],
];

describe.each(SERVERS)('a session error on %s on %s', (server, platform, graphQl) => {
  let scene: Scene;
  let user: Headers;
  beforeAll(async () => {
    scene = await Scene.open({ platform, imports: graphQl(), providers: [AccountResolver] });
    user = accessCookie((await scene.login('u1')).access);
  });
  afterAll(() => scene.close());

  async function ask(query: string, headers: Headers = {}) {
    const answer = await scene.post('/graphql', headers, { query });
    return { ...answer, ...(answer.json as GraphQlAnswer) };
  }

  it('says UNAUTHENTICATED, and in the body of the error what REST says', async () => {
    const { errors } = await ask('{ me { id } }');
    expect(errors?.map(({ message }) => message)).toEqual(['unauthorised']);
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      originalError: { statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' },
    });
    expect(JSON.stringify(errors)).not.toContain('no-access-token');
  });

  it('says TRY_REFRESH_TOKEN where a refresh helps', async () => {
    const { access } = await scene.login('u2');
    const { errors } = await ask('{ me { id } }', accessCookie(`${access}x`));
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      originalError: { code: 'TRY_REFRESH_TOKEN' },
    });
  });

  it('says FORBIDDEN, and which claims fail', async () => {
    const { data, errors } = await ask('{ me { id } secret }', user);
    expect(data).toEqual({ me: { id: 'u1' }, secret: null });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'FORBIDDEN',
      claimValidationErrors: [{ id: 'st-role' }],
      originalError: { statusCode: 403, claimValidationErrors: [{ id: 'st-role' }] },
    });
  });

  it('that a resolver throws takes the cookies away', async () => {
    const answer = await ask('{ thrown }', user);
    expect(answer.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    expect(answer.setCookies).toEqual(CLEARED_COOKIES);
    expect(answer.headers['cache-control']).toContain('no-store');
  });

  it('keeps its code where an option changes its status', async () => {
    const other = await Scene.open({
      platform,
      sessions: { sessionExpiredStatusCode: 440 },
      imports: graphQl(),
      providers: [AccountResolver],
    });
    const answer = await other.post('/graphql', {}, { query: '{ me { id } thrown }' });
    const { errors = [] } = answer.json as GraphQlAnswer;
    expect(errors.length).toBeGreaterThan(0);
    for (const { extensions } of errors) {
      expect(extensions).toMatchObject({
        code: 'UNAUTHENTICATED',
        originalError: { statusCode: 440 },
      });
    }
    await other.close();
  });

  it('is a 401 of HTTP where the server is told to, so that a page refreshes', async () => {
    const switched = { preserveHttpStatusForExecutionErrors: false };
    const other = await Scene.open({
      platform,
      imports: graphQl(server === 'Apollo' ? switched : {}),
      providers: [AccountResolver],
    });
    const answer = await other.post('/graphql', {}, { query: '{ me { id } }' });
    expect(answer.status).toBe(401);
    expect((answer.json as GraphQlAnswer).errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    await other.close();
  });

  it('V22: bounds what one request can do by its aliases: one login, so one guess', async () => {
    const aliases = Array.from({ length: 500 }, (_, i) => `a${i}: login(userId: "alias")`);
    const { errors } = await ask(`mutation { ${aliases.join(' ')} }`);
    expect(errors?.[0]?.message).toBe('login may only be used once per request');
    const rows = scene.booted.dataSource.getRepository(Session);
    expect(await rows.countBy({ userId: 'alias' })).toBe(1);
  });

  it('bounds what one request can do by its aliases: fifty merges', async () => {
    const { merges } = scene.booted.app.get(AccountResolver);
    const aliases = Array.from({ length: 500 }, (_, i) => `a${i}: upgrade(plan: "p${i}")`);
    const headers = { ...user, origin: `https://${HOST}` };
    const { errors } = await ask(`mutation { ${aliases.join(' ')} }`, headers);
    expect(errors?.[0]?.message).toBe('update was merged 50 times for one answer');
    expect(scene.booted.app.get(AccountResolver).merges - merges).toBeGreaterThan(50);
  });

  it('V22: bounds a request in the same way that says `upgrade: websocket`, which makes no socket of it', async () => {
    const headers = { ...user, upgrade: 'websocket', origin: `https://${HOST}` };
    const logins = Array.from({ length: 50 }, (_, i) => `a${i}: login(userId: "upgraded")`);
    const ofLogins = await ask(`mutation { ${logins.join(' ')} }`, headers);
    expect(ofLogins.errors?.[0]?.message).toBe('login may only be used once per request');
    const rows = scene.booted.dataSource.getRepository(Session);
    expect(await rows.countBy({ userId: 'upgraded' })).toBe(1);
    const merges = Array.from({ length: 60 }, (_, i) => `a${i}: upgrade(plan: "p${i}")`);
    const { access } = await scene.login('u1');
    const ofMerges = await ask(`mutation { ${merges.join(' ')} }`, {
      ...headers,
      ...accessCookie(access),
    });
    expect(ofMerges.errors?.[0]?.message).toBe('update was merged 50 times for one answer');
  });
});

describe.each([
  ['Apollo’s own', true],
  ['ours', sessionSubscriptions()],
])('a query over a WebSocket to Apollo on Express, with the options that are %s', (_, options) => {
  let scene: Scene;
  const clients: Client[] = [];
  const counter = new QueryCounter();
  beforeAll(async () => {
    scene = await Scene.open({
      database: {
        type: 'better-sqlite3',
        database: ':memory:',
        logging: true,
        logger: counter,
      },
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          autoSchemaFile: true,
          subscriptions: { 'graphql-ws': options },
        }),
      ],
      providers: [AccountResolver],
    });
  });
  afterAll(async () => {
    for (const client of clients) await client.dispose();
    await scene.close();
  });

  function connect(headers: Headers): (query: string) => Promise<GraphQlAnswer> {
    class Socket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { headers: { host: HOST, ...headers } });
      }
    }
    const client = createClient({
      url: `${scene.booted.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: Socket,
      retryAttempts: 0,
    });
    clients.push(client);
    return async (query) => {
      for await (const answer of client.iterate({ query })) return answer as GraphQlAnswer;
      throw new Error('no answer');
    };
  }

  // With ours, the socket is closed at the end, and another origin's page opens none.
  const plain = options === true ? ['plain options'] : [];

  it.each(plain)(
    'has the session of the handshake, and is judged anew each time, with %s',
    async () => {
      const { access, handle } = await scene.login('u1');
      const ask = connect(accessCookie(access));
      expect(await ask('{ me { id } }')).toEqual({ data: { me: { id: 'u1' } } });
      await scene.booted.app.get(SessionService).revokeSession(handle);
      await scene.booted.app.get(RevocationFeed).poll();
      const { errors } = await ask('{ me { id } }');
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    },
  );

  it.each(plain)('is refused to the page of another origin, with %s', async () => {
    const { access } = await scene.login('u2');
    const ask = connect({ ...accessCookie(access), origin: 'https://evil.example' });
    const { errors } = await ask('{ me { id } }');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('V22: is bounded in what it can do by its aliases: it logs nobody in', async () => {
    const { access } = await scene.login('u3');
    const resolver = scene.booted.app.get(AccountResolver);
    const { errors } = await connect(accessCookie(access))(
      'mutation { one: login(userId: "socket") two: login(userId: "socket") }',
    );
    expect(errors?.[0]?.message).toBe('login needs a request: a socket brings no tokens');
    expect(resolver.logins).toBe(0);
  });

  it('is bounded in what it can do by its aliases: fifty merges, and as many again', async () => {
    const { access } = await scene.login('u4');
    const ask = connect(accessCookie(access));
    const aliases = Array.from({ length: 60 }, (_each, i) => `a${i}: upgrade(plan: "p${i}")`);
    const resolver = scene.booted.app.get(AccountResolver);
    for (let operations = 0; operations < 2; operations += 1) {
      const { merges } = resolver;
      const { errors } = await ask(`mutation { ${aliases.join(' ')} }`);
      expect(errors?.[0]?.message).toBe('update was merged 50 times for one answer');
      expect(resolver.merges - merges).toBe(51);
    }
  });

  it.each(['query', 'mutation'])(
    'asks the database once for all aliases of a %s, and again the next time',
    async (operation) => {
      const { access, handle } = await scene.login('u5');
      const ask = connect(accessCookie(access));
      const field = operation === 'query' ? 'checked' : 'doubleChecked';
      const aliases = Array.from({ length: 60 }, (_each, i) => `a${i}: ${field}`);
      counter.reset();
      expect((await ask(`${operation} { ${aliases.join(' ')} }`)).errors).toBeUndefined();
      expect(counter.count('auth_session')).toBe(1);
      await scene.booted.dataSource.getRepository(Session).delete({ handle });
      const { errors } = await ask(`${operation} { ${aliases.join(' ')} }`);
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    },
  );
});

@ObjectType()
class Guarded {
  @Field(() => ID)
  id!: string;
}

@Resolver(() => Guarded)
class GuardedQueryResolver {
  @Query(() => Guarded)
  guarded(): Guarded {
    return { id: 'u1' };
  }
}

@Resolver(() => Guarded)
class GuardedFieldResolver {
  @ResolveField(() => String, { nullable: true })
  @VerifySession({ roles: ['admin'] })
  hidden(): string {
    return 'hidden';
  }
}

@Resolver(() => Guarded)
@RequireFresh('5m')
class GuardedClassResolver {
  @ResolveField(() => String)
  veiled(): string {
    return 'veiled';
  }
}

@Resolver(() => Guarded)
@VerifySession()
class OpenFieldResolver {
  @ResolveField(() => String)
  @PublicAccess()
  nick(): string {
    return 'nick';
  }
}

describe('a guard on a field of a GraphQL type', () => {
  const boot = (resolver: Type, options: object = {}) =>
    bootApp({
      imports: [
        GraphQLModule.forRootAsync<ApolloDriverConfig>({
          driver: ApolloDriver,
          useFactory: () => ({ autoSchemaFile: true, ...options }),
        }),
      ],
      providers: [GuardedQueryResolver, resolver],
    });

  it.each<[string, Type, object]>([
    ['GuardedFieldResolver.hidden', GuardedFieldResolver, {}],
    [
      'GuardedFieldResolver.hidden',
      GuardedFieldResolver,
      { fieldResolverEnhancers: ['interceptors'] },
    ],
    ['GuardedClassResolver.veiled', GuardedClassResolver, {}],
  ])('V21: that Nest would not run stops the start: %s', async (name, resolver, options) => {
    const error: unknown = await boot(resolver, options).then(
      ({ close }) => close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(SessionConfigurationError);
    expect(String(error)).toContain(name);
    expect(String(error)).toContain("fieldResolverEnhancers: ['guards']");
  });

  it('is asked where Nest runs guards on fields', async () => {
    const booted = await boot(GuardedFieldResolver, { fieldResolverEnhancers: ['guards'] });
    const answer = await booted.client().post('/graphql', { query: '{ guarded { id hidden } }' });
    const { data, errors } = answer.json as GraphQlAnswer;
    expect(data).toEqual({ guarded: { id: 'u1', hidden: null } });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    await booted.close();
  });

  it('is none where the field is open', async () => {
    const booted = await boot(OpenFieldResolver);
    expect(booted.url).toMatch(/^http:/);
    await booted.close();
  });
});
