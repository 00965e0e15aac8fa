import { ObjectType, Field, Query, Resolver } from '@nestjs/graphql';
import { expect, it, onTestFinished } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import { CurrentSession, VerifySession, type ReadonlySession } from '../../lib/verifier/index.js';
import { bootApp } from '../support/boot-app.js';
import { graphQlServers, type GraphQlAnswer } from '../support/graphql-servers.js';
import { bootVerifier, ISSUER } from '../support/verifier-app.js';

@ObjectType()
class Person {
  @Field()
  id!: string;
}

@Resolver(() => Person)
class PersonResolver {
  @Query(() => Person)
  @VerifySession()
  me(@CurrentSession() session: ReadonlySession): Person {
    return { id: session.getUserId() };
  }
}

it.each(graphQlServers)(
  'a service without a database guards the resolvers of $server on $platform',
  async ({ platform, graphQl }) => {
    const clock = new FakeClock();
    const issuer = await bootApp({ clock, sessions: { issuer: ISSUER } });
    onTestFinished(() => issuer.close());
    const service = await bootVerifier({
      platform,
      clock,
      imports: [graphQl()],
      providers: [PersonResolver],
      options: { issuer: ISSUER, url: `${issuer.url}/auth`, revocations: false },
    });
    onTestFinished(() => service.close());
    const session = await issuer.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'alice');
    const ask = async (authorization: string): Promise<GraphQlAnswer> => {
      const answer = await fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query: '{ me { id } }' }),
      });
      return (await answer.json()) as GraphQlAnswer;
    };
    expect(await ask(`Bearer ${session.getAccessToken()}`)).toEqual({
      data: { me: { id: 'alice' } },
    });
    const [error] = (await ask('')).errors ?? [];
    expect(error?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
  },
);
