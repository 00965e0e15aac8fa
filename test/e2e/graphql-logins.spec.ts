import {
  Args,
  Field,
  ID,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  Session,
  SessionConfigurationError,
  UserRoleClaim,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp } from '../support/boot-app.js';
import { graphQlServers, type GraphQlAnswer } from '../support/graphql-servers.js';
import { CLEARED_COOKIES } from '../support/refusal.js';
import {
  ACCESS_COOKIE,
  bearer,
  bothCookies,
  holderOf,
  HOST,
  Scene,
  setCookie,
  type Headers,
} from '../support/scene.js';

interface User {
  id: string;
}

@ObjectType()
class Account implements User {
  @Field(() => ID)
  id!: string;
}

const roles = new UserRoleClaim({
  fetchValue: ({ userId }) => (userId === 'root' ? ['admin'] : []),
});

// One class for both ways: names are given, so that a schema that is written first fits as well.
@Resolver('Account')
class AccountResolver {
  @Query(() => Account, { name: 'me' })
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): User {
    return { id: session.getUserId() };
  }

  @Mutation(() => Account, { name: 'login', nullable: true })
  @CreateSession<User>({ userId: (user) => user.id })
  login(@Args('userId', { type: () => String }) id: string): User | null {
    return id === 'nobody' ? null : { id };
  }

  @Mutation(() => Account, { name: 'enter', nullable: true })
  @CreateSession<User>({
    userId: (user) => user.id,
    answer: ({ id }) => ({ id: `user ${id}` }),
    refusal: 422,
  })
  enter(@Args('userId', { type: () => String }) id: string): User | null {
    return id === 'nobody' ? null : { id };
  }

  @Query(() => Account, { name: 'loginByQuery' })
  @CreateSession<User>({ userId: (user) => user.id })
  loginByQuery(@Args('userId', { type: () => String }) id: string): User {
    return { id };
  }

  @Mutation(() => Boolean, { name: 'signOut' })
  @VerifySession()
  async signOut(@CurrentSession() session: SessionContainer): Promise<boolean> {
    await session.revokeSession();
    return true;
  }

  @Mutation(() => Account, { name: 'touch', nullable: true })
  @VerifySession()
  touch(@CurrentSession() session: SessionContainer): User {
    return { id: session.getUserId() };
  }
}

@Resolver(() => Account)
class AccountFields {
  @ResolveField(() => String, { name: 'handle' })
  handle(@Parent() _user: User, @CurrentSession() session: SessionContainer): string {
    return session.getHandle();
  }

  @ResolveField(() => String, { name: 'saved', nullable: true })
  @VerifySession({ checkDatabase: true })
  saved(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @ResolveField(() => String, { name: 'secret', nullable: true })
  @VerifySession({ roles: ['admin'] })
  secret(): string {
    return 'secret';
  }
}

const SCHEMA = `
  type Account { id: ID! handle: String! saved: String secret: String }
  type Query { me: Account! loginByQuery(userId: String!): Account! }
  type Mutation { login(userId: String!): Account enter(userId: String!): Account signOut: Boolean! touch: Account }
`;
@Resolver('Account')
class SchemaFirstFields extends AccountFields {}

const SET_UPS = graphQlServers.flatMap((server) => [
  { ...server, schema: 'from the code', options: {}, resolvers: [AccountResolver, AccountFields] },
  {
    ...server,
    schema: 'written first',
    options: { typeDefs: SCHEMA },
    resolvers: [AccountResolver, SchemaFirstFields],
  },
]);

describe.each(SET_UPS)(
  'a login by a mutation, with $server on $platform and a schema $schema',
  ({ platform, graphQl, options, resolvers }) => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await Scene.open({
        platform,
        sessions: { claims: [roles] },
        imports: [graphQl({ ...options, fieldResolverEnhancers: ['guards'] })],
        providers: resolvers,
      });
    });
    afterAll(() => scene.close());

    async function ask(query: string, headers: Headers = {}) {
      const answer = await scene.post('/graphql', headers, { query });
      return { ...answer, ...(answer.json as GraphQlAnswer) };
    }
    const rowsOf = (userId: string) =>
      scene.booted.dataSource.getRepository(Session).countBy({ userId });

    it("gives its answer's fields the new session", async () => {
      const answer = await ask('mutation { login(userId: "root") { id handle saved secret } }');
      const { handle } = holderOf(answer);
      expect(answer.errors).toBeUndefined();
      expect(answer.data).toEqual({
        login: { id: 'root', handle, saved: 'root', secret: 'secret' },
      });
    });

    it('has the claims of its fields checked by the new session, and not by the one before', async () => {
      const before = holderOf(await ask('mutation { login(userId: "root") { id } }'));
      const answer = await ask(
        'mutation { login(userId: "u1") { id saved secret } }',
        bothCookies(before),
      );
      expect(answer.data).toEqual({ login: { id: 'u1', saved: 'u1', secret: null } });
      expect(answer.errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    });

    it('is the session of the mutations that follow in the same request', async () => {
      const answer = await ask(
        'mutation { before: touch { id } login(userId: "u2") { id } touch { id } }',
      );
      expect(answer.data).toEqual({ before: null, login: { id: 'u2' }, touch: { id: 'u2' } });
    });

    it('that finds nobody creates nothing, and its fields are not asked', async () => {
      const answer = await ask('mutation { login(userId: "nobody") { id handle } }');
      expect(answer.data).toEqual({ login: null });
      expect(answer.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
      expect(answer.setCookies).toEqual([]);
    });

    it('answers, and refuses, as its decorator says', async () => {
      const entered = await ask('mutation { enter(userId: "u7") { id saved } }');
      expect(entered.data).toEqual({ enter: { id: 'user u7', saved: 'u7' } });
      const refused = await ask('mutation { enter(userId: "nobody") { id } }');
      expect([refused.status, refused.errors?.[0]?.extensions]).toMatchObject([
        200,
        { code: 'UNAUTHENTICATED', originalError: { statusCode: 422, code: 'UNAUTHORISED' } },
      ]);
    });

    it('is ended by a mutation, which takes the cookies away', async () => {
      const user = holderOf(await ask('mutation { login(userId: "u3") { id } }'));
      const answer = await ask('mutation { signOut }', bothCookies(user));
      expect(answer.data).toEqual({ signOut: true });
      expect(answer.setCookies).toEqual(CLEARED_COOKIES);
      expect(await rowsOf('u3')).toBe(0);
      expect((await ask('{ me { id } }', bothCookies(user))).status).toBe(401);
    });

    it('is over for the mutations that follow a sign-out in the same request', async () => {
      const user = holderOf(await ask('mutation { login(userId: "u4") { id } }'));
      const answer = await ask('mutation { signOut touch { id } }', bothCookies(user));
      expect(answer.data).toEqual({ signOut: true, touch: null });
      expect(answer.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
      expect(answer.status).toBe(200);
    });

    it('gives tokens in headers to a client that asks for them', async () => {
      const answer = await ask('mutation { login(userId: "u5") { id } }', {
        'st-auth-mode': 'header',
      });
      const { access } = holderOf(answer);
      expect(answer.setCookies).toEqual([]);
      expect((await ask('{ me { id } }', bearer(access))).data).toEqual({ me: { id: 'u5' } });
    });

    describe('sent by another site', () => {
      const evil = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };

      it('is refused', async () => {
        const answer = await ask('mutation { login(userId: "lured") { id } }', evil);
        expect(answer.errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
        expect([await rowsOf('lured'), answer.setCookies]).toEqual([0, []]);
      });

      it('is refused as a query by GET too', async () => {
        const query = encodeURIComponent('{ loginByQuery(userId: "lured") { id } }');
        const answer = await scene.get(`/graphql?query=${query}`, {
          'sec-fetch-site': 'cross-site',
          'sec-fetch-mode': 'navigate',
          'apollo-require-preflight': '1',
        });
        expect((answer.json as GraphQlAnswer).errors).toHaveLength(1);
        expect([await rowsOf('lured'), answer.setCookies]).toEqual([0, []]);
      });

      it('is not possible with a form, nor is a mutation of a user who is logged in', async () => {
        const user = holderOf(await ask('mutation { login(userId: "u6") { id } }'));
        const form = {
          ...evil,
          ...bothCookies(user),
          'content-type': 'application/x-www-form-urlencoded',
        };
        for (const query of [
          'mutation { signOut }',
          'mutation { login(userId: "lured") { id } }',
        ]) {
          const answer = await scene.post('/graphql', form, { query });
          expect((answer.json as GraphQlAnswer).data?.['signOut']).toBeUndefined();
          expect(setCookie(answer, ACCESS_COOKIE)).toBeUndefined();
          const byGet = await scene.get(`/graphql?query=${encodeURIComponent(query)}`, {
            ...evil,
            ...bothCookies(user),
          });
          expect(setCookie(byGet, ACCESS_COOKIE)).toBeUndefined();
        }
        expect([await rowsOf('lured'), await rowsOf('u6')]).toEqual([0, 1]);
      });

      it("reads nothing by a query with the visitor's cookies", async () => {
        const user = holderOf(await ask('mutation { login(userId: "u7") { id } }'));
        const answer = await ask('{ me { id } }', { ...evil, ...bothCookies(user) });
        expect(answer.data).toBeNull();
        expect(answer.setCookies).toEqual([]);
      });
    });

    it("is allowed from this site's own pages", async () => {
      const own = { origin: `https://${HOST}`, 'sec-fetch-site': 'same-origin' };
      const answer = await ask('mutation { login(userId: "u8") { id } }', own);
      expect(answer.data).toEqual({ login: { id: 'u8' } });
    });
  },
);

@Resolver(() => Account)
class LoginAsField {
  @ResolveField(() => String)
  @CreateSession()
  becomes(): string {
    return 'u1';
  }
}

@Resolver(() => Account)
class LoginAsSubscription {
  @Subscription(() => String)
  @CreateSession()
  logins(): AsyncIterable<string> {
    return (async function* () {})();
  }
}

describe('a login that nothing can be attached to', () => {
  it.each<[string, Type]>([
    ['LoginAsField.becomes', LoginAsField],
    ['LoginAsSubscription.logins', LoginAsSubscription],
  ])('stops the start: %s', async (name, resolver) => {
    const [apollo] = graphQlServers;
    const error: unknown = await bootApp({
      imports: [apollo?.graphQl() ?? []].flat(),
      providers: [AccountResolver, resolver],
    }).then(
      ({ close }) => close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(SessionConfigurationError);
    expect(String(error)).toContain(name);
    expect(String(error)).toContain('@Mutation()');
  });
});
