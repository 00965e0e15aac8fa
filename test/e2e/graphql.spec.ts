import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Args, GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  Session,
  SessionService,
  UserRoleClaim,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { frontTokenOf } from '../support/scene.js';

@Resolver()
class AccountResolver {
  @Mutation(() => String, { nullable: true })
  @CreateSession({ accessTokenPayload: () => ({ plan: 'gold' }) })
  login(@Args('userId', { type: () => String, nullable: true }) userId: string): string {
    return userId;
  }

  @Query(() => String)
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Query(() => String)
  @VerifySession()
  plan(@CurrentSession('plan') plan: string): string {
    return plan;
  }

  @Query(() => String)
  @VerifySession({ roles: ['admin'] })
  secrets(): string {
    return 'secret';
  }

  @Mutation(() => String)
  @VerifySession()
  async upgrade(@CurrentSession() session: SessionContainer): Promise<string> {
    await session.mergeIntoAccessTokenPayload({ plan: 'platinum' });
    return 'done';
  }
}

interface GraphQlAnswer {
  data: Record<string, unknown> | null;
  errors?: { message: string; extensions: { originalError?: { statusCode?: number } } }[];
}

const rolesOf = new Map<string, string[]>();

describe('sessions on GraphQL resolvers (Apollo on Express)', () => {
  let booted: BootedApp;
  beforeAll(async () => {
    booted = await bootApp({
      sessions: {
        claims: [new UserRoleClaim({ fetchValue: ({ userId }) => rolesOf.get(userId) ?? [] })],
      },
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
      ],
      providers: [AccountResolver],
    });
  });
  afterAll(() => booted.close());

  async function ask(client: HttpClient, query: string): Promise<GraphQlAnswer> {
    const answer = await client.post('/graphql', { query });
    return answer.json as GraphQlAnswer;
  }

  it('a login mutation creates a session and sets its cookies', async () => {
    const client = booted.client();
    expect(await ask(client, 'mutation { login(userId: "ada") }')).toEqual({
      data: { login: 'ada' },
    });
    expect(await client.cookie('sAccessToken')).toBeDefined();
    expect(await booted.dataSource.getRepository(Session).countBy({ userId: 'ada' })).toBe(1);
  });

  it('several guarded fields of one query share the session', async () => {
    const client = booted.client();
    await ask(client, 'mutation { login(userId: "grace") }');
    expect((await ask(client, '{ me plan }')).data).toEqual({ me: 'grace', plan: 'gold' });
  });

  it('a resolver without a session answers with an error and no data', async () => {
    const answer = await ask(booted.client(), '{ me }');
    expect(answer.data).toBeNull();
    expect(answer.errors?.map((error) => error.message)).toEqual(['unauthorised']);
  });

  it('each field of a query asks for its own claims', async () => {
    const client = booted.client();
    await ask(client, 'mutation { login(userId: "alan") }');
    const answer = await ask(client, '{ me secrets }');
    expect(answer.errors?.map((error) => error.message)).toEqual(['invalid claim']);
  });

  it('a refusal brings the token with the claims that were fetched again', async () => {
    rolesOf.set('emmy', ['admin']);
    const client = booted.client();
    await ask(client, 'mutation { login(userId: "emmy") }');
    expect((await ask(client, '{ secrets }')).data).toEqual({ secrets: 'secret' });
    rolesOf.set('emmy', ['user']);
    booted.clock.advanceMs(1);
    await booted.app.get(SessionService).markClaimsStale('emmy');
    const answer = await client.post('/graphql', { query: '{ secrets }' });
    expect((answer.json as GraphQlAnswer).errors?.map(({ message }) => message)).toEqual([
      'invalid claim',
    ]);
    expect(answer.headers['cache-control']).toContain('no-store');
    expect(frontTokenOf(answer).up).toMatchObject({ 'st-role': { v: ['user'] } });
  });

  it('a login that finds nobody creates nothing', async () => {
    const client = booted.client();
    const answer = await ask(client, 'mutation { login }');
    expect(answer.errors?.map((error) => error.message)).toEqual(['unauthorised']);
    expect(await client.cookie('sAccessToken')).toBeUndefined();
  });

  it('a changed payload reaches the client with the answer', async () => {
    const client = booted.client();
    await ask(client, 'mutation { login(userId: "joan") }');
    await ask(client, 'mutation { upgrade }');
    expect((await ask(client, '{ plan }')).data).toEqual({ plan: 'platinum' });
  });
});
