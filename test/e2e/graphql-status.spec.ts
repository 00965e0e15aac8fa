import {
  Args,
  Int,
  Mutation,
  Query,
  ResolveField,
  Resolver,
  ObjectType,
  Field,
} from '@nestjs/graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  Session,
  SessionEventBus,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { graphQlServers, type GraphQlAnswer } from '../support/graphql-servers.js';
import { QueryCounter } from '../support/query-counter.js';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';

@ObjectType()
class Shop {
  @Field()
  name!: string;

  /** Counts up, to be seen from outside. */
  @Field(() => Int)
  visits!: number;
}

@Resolver(() => Shop)
class ShopResolver {
  visits = 0;

  @Query(() => Shop, { nullable: true })
  shop(): Shop {
    return { name: 'corner', visits: this.visits };
  }

  @Query(() => String)
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Query(() => String, { nullable: true })
  @VerifySession()
  maybeMe(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Query(() => String, { nullable: true })
  @VerifySession({ checkDatabase: true })
  strict(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Query(() => String, { nullable: true })
  @VerifySession({ roles: ['admin'] })
  secret(): string {
    return 'secret';
  }

  @ResolveField(() => String, { nullable: true })
  @VerifySession()
  discount(@CurrentSession() session: SessionContainer): string {
    return `for ${session.getUserId()}`;
  }

  @Mutation(() => Int)
  visit(): number {
    this.visits += 1;
    return this.visits;
  }

  @Mutation(() => String, { nullable: true })
  @VerifySession()
  buy(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Mutation(() => String, { nullable: true })
  @CreateSession()
  login(@Args('userId', { nullable: true }) userId?: string): string | undefined {
    return userId;
  }
}

const GUARDED_FIELDS = { fieldResolverEnhancers: ['guards'] };

describe.each(graphQlServers)(
  'the status of an answer of $server on $platform, with its options as they are',
  ({ server, platform, graphQl }) => {
    let scene: Scene;
    let expired: Headers;
    let user: Headers;
    const counter = new QueryCounter();
    beforeAll(async () => {
      const batched = server === 'Apollo' ? 'allowBatchedHttpRequests' : 'allowBatchedQueries';
      scene = await Scene.open({
        platform,
        database: {
          type: 'better-sqlite3',
          database: ':memory:',
          logging: true,
          logger: counter,
        },
        imports: [graphQl({ ...GUARDED_FIELDS, [batched]: true })],
        providers: [ShopResolver],
      });
      expired = accessCookie((await scene.login('late')).access);
      await scene.advance(3_601_000);
      user = accessCookie((await scene.login('u1')).access);
    });
    afterAll(() => scene.close());

    const own = { origin: `https://${HOST}` };
    async function ask(query: string | object, headers: Headers = {}) {
      const body = typeof query === 'string' ? { query } : query;
      const answer = await scene.post('/graphql', { ...own, ...headers }, body);
      return { ...answer, ...(answer.json as GraphQlAnswer) };
    }

    it('is 401 where the access token has expired, and says so', async () => {
      const answer = await ask('{ me }', expired);
      expect(answer.status).toBe(401);
      expect(answer.data).toBeNull();
      expect(answer.errors?.[0]?.extensions).toMatchObject({
        code: 'UNAUTHENTICATED',
        originalError: { code: 'TRY_REFRESH_TOKEN' },
      });
    });

    it('is 401 without any token where nothing was answered', async () => {
      expect((await ask('{ me }')).status).toBe(401);
      expect((await ask('{ maybeMe other: maybeMe }')).status).toBe(401);
      expect((await ask('query { ...F } fragment F on Query { maybeMe }')).status).toBe(401);
    });

    it('is 200 without any token where something was: a guest keeps it', async () => {
      const answer = await ask('{ shop { name discount } maybeMe }');
      expect(answer.data).toEqual({ shop: { name: 'corner', discount: null }, maybeMe: null });
      expect(answer.errors).toHaveLength(2);
      expect(answer.status).toBe(200);
    });

    it('is 401 where a refresh would answer the rest of a query', async () => {
      expect((await ask('{ shop { name discount } }', expired)).status).toBe(401);
      expect((await ask('{ shop { name } secret maybeMe }', expired)).status).toBe(401);
    });

    it('is 401 where a mutation was refused as a whole', async () => {
      expect((await ask('mutation { buy }', expired)).status).toBe(401);
      expect((await ask('mutation { a: buy b: buy }', expired)).status).toBe(401);
    });

    it('is 200 where a part of a mutation was done, which must not be done again', async () => {
      const { visits } = scene.booted.app.get(ShopResolver);
      const answer = await ask('mutation { visit buy }', expired);
      expect(answer.data).toEqual({ visit: visits + 1, buy: null });
      expect(answer.status).toBe(200);
      expect((await ask('mutation { buy visit }', expired)).status).toBe(200);
    });

    it('is 200 where claims fail: a refresh does not help', async () => {
      const answer = await ask('{ shop { name } secret }', user);
      expect(answer.errors?.[0]?.extensions).toMatchObject({
        code: 'FORBIDDEN',
        claimValidationErrors: [{ id: 'st-role' }],
      });
      expect(answer.status).toBe(200);
    });

    it('is 200 for a login that finds nobody: its password is not to be sent again', async () => {
      const answer = await ask('mutation { login }', user);
      expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
      expect(answer.status).toBe(200);
    });

    it('is 401 for a batch of queries of which one is to be asked again', async () => {
      const answer = await ask([{ query: '{ shop { name } }' }, { query: '{ me }' }], expired);
      expect(answer.status).toBe(401);
      expect(answer.json).toMatchObject([{ data: { shop: { name: 'corner' } } }, { data: null }]);
    });

    it('is 200 for a batch of a guest that was answered in part: a guest keeps that', async () => {
      const answered = [
        ['{ me }', '{ shop { name } }'],
        ['{ maybeMe }', '{ shop { name discount } }'],
        ['{ me }', '{ me }', '{ shop { name } }'],
      ];
      for (const queries of answered) {
        const answer = await ask(queries.map((query) => ({ query })));
        expect(answer.status).toBe(200);
        expect(answer.text).toContain('corner');
      }
    });

    it('is 401 for a batch of a guest of which nothing was answered', async () => {
      for (const queries of [['{ me }'], ['{ me }', '{ maybeMe }'], ['{ me }', '{ me }']]) {
        expect((await ask(queries.map((query) => ({ query })))).status).toBe(401);
      }
    });

    it('is 200 for a batch with a mutation in it', async () => {
      const batch = [{ query: 'mutation { visit }' }, { query: '{ me }' }];
      expect((await ask(batch, expired)).status).toBe(200);
    });

    it('V22: holds one login, in a batch too', async () => {
      const login = { query: 'mutation { login(userId: "batched") }' };
      const answer = await ask([login, login, login]);
      const answers = answer.json as GraphQlAnswer[];
      expect(answers.filter(({ errors }) => errors === undefined)).toHaveLength(1);
      const rows = scene.booted.dataSource.getRepository(Session);
      expect(await rows.countBy({ userId: 'batched' })).toBe(1);
    });

    it('is 401 for a query by GET, and none that a cache may keep', async () => {
      const headers = { ...expired, 'apollo-require-preflight': '1' };
      const answer = await scene.get(`/graphql?query=${encodeURIComponent('{ me }')}`, headers);
      expect(answer.status).toBe(401);
      expect(answer.headers['cache-control']).toContain('no-store');
    });

    it('follows `sessionExpiredStatusCode`', async () => {
      const other = await Scene.open({
        platform,
        sessions: { sessionExpiredStatusCode: 440 },
        imports: [graphQl(GUARDED_FIELDS)],
        providers: [ShopResolver],
      });
      expect((await other.post('/graphql', {}, { query: '{ me }' })).status).toBe(440);
      await other.close();
    });

    it('V22: costs one refusal and one query, however many aliases a request has', async () => {
      const told: unknown[] = [];
      const bus = scene.booted.app.get(SessionEventBus);
      const stop = bus.on('refused', (event) => void told.push(event));
      const aliases = (field: string) =>
        Array.from({ length: 500 }, (_, i) => `a${i}: ${field}`).join(' ');
      const refused = await ask(`{ ${aliases('maybeMe')} }`, expired);
      expect(refused.errors).toHaveLength(500);
      expect((await ask(`mutation { ${aliases('buy')} }`, expired)).errors).toHaveLength(500);
      expect(told).toHaveLength(2);
      stop();
      counter.reset();
      const strict = await ask(`{ ${aliases('strict')} }`, user);
      expect(Object.keys(strict.data ?? {})).toHaveLength(500);
      // The feed is polled meanwhile, and the token's arrival noted.
      expect(counter.all.filter((sql) => sql.startsWith('SELECT "handle"'))).toHaveLength(1);
    });

    it('comes at once, however often the fragments of a request name each other', async () => {
      const levels = 40;
      const doubled = Array.from(
        { length: levels },
        (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`,
      );
      const last = `fragment f${levels} on Query { maybeMe }`;
      const answer = await ask(`{ ...f0 } ${doubled.join(' ')} ${last}`);
      expect(answer.errors).toHaveLength(1);
      expect(answer.status).toBe(401);
    });

    it('counts the fields of a fragment once, in their order', async () => {
      const fragments = 'fragment a on Mutation { visit ...b } fragment b on Mutation { buy }';
      const done = await ask(`mutation { ...a ...b ...a } ${fragments}`, expired);
      expect([done.status, done.data?.['buy']]).toEqual([200, null]);
      const none = await ask(`mutation { ...b ...a } ${fragments}`, expired);
      expect(none.status).toBe(200);
      expect(
        (await ask(`mutation { ...b ...b } fragment b on Mutation { buy }`, expired)).status,
      ).toBe(401);
    });

    it('is 401 from the moment at which the session was revoked', async () => {
      const { access, handle } = await scene.login('u2');
      await scene.booted.app.get(SessionService).revokeSession(handle);
      await scene.booted.app.get(RevocationFeed).poll();
      expect((await ask('{ me }', accessCookie(access))).status).toBe(401);
    });

    it.each([
      ['an empty body', {}],
      ['an empty batch', []],
      ['a batch of nothing', [null, 1, 'x']],
      ['what is no query', { query: 12 }],
      ['a query that does not parse', { query: '{ me' }],
      ['an unknown field', { query: '{ none }' }],
    ])('is never 500 for %s', async (_, body) => {
      const { status } = await ask(body, expired);
      expect([200, 400, 401]).toContain(status);
    });
  },
);
