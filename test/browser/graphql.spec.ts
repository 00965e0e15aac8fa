import { Module } from '@nestjs/common';
import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { expect, it } from 'vitest';
import { CreateSession, CurrentSession, VerifySession } from '../../lib/index.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import { codeInDocs } from '../support/doc-code.js';
import { graphQlServers } from '../support/graphql-servers.js';
import { SdkPage } from '../support/sdk-page.js';

@Resolver()
class PageResolver {
  @Query(() => String)
  @VerifySession()
  me(@CurrentSession('sub') userId: string): string {
    return userId;
  }

  @Mutation(() => String)
  @VerifySession()
  rename(@CurrentSession('sub') userId: string, @Args('name') name: string): string {
    return `${userId} is ${name}`;
  }

  @Mutation(() => String, { nullable: true })
  @CreateSession()
  login(@Args('userId', { nullable: true }) userId?: string): string | undefined {
    return userId;
  }
}

@Module({ providers: [PageResolver] })
class PageModule {}

describeInChromium('a page on GraphQL', () => {
  const tests = BrowserTests.forSuite();

  it.each(graphQlServers)(
    'stays logged in when its access token expires: $server on $platform',
    async ({ platform, graphQl }) => {
      const frontend = await tests.startFrontend({
        platform,
        topology: 'two origins of one site',
        imports: [graphQl(), PageModule],
      });
      frontend.traffic.forget();
      const refreshes = () => frontend.traffic.refreshes.map(({ status }) => status);
      const context = await tests.newContext();

      const sdk = await SdkPage.open(context, frontend);
      await sdk.run('eval', withoutExports('graphql-sdk.js'));
      const asked = (query: string): Promise<unknown> =>
        sdk.tab.evaluate(`ask(apiUrl + '/graphql', ${JSON.stringify(query)})`);
      expect(await asked('mutation { login(userId: "u1") }')).toEqual({ data: { login: 'u1' } });
      expect(await sdk.doesSessionExist()).toBe(true);
      frontend.expireAccessTokens();
      frontend.traffic.forget();
      expect(await asked('{ me }')).toEqual({ data: { me: 'u1' } });
      expect(refreshes()).toEqual([200]);
      expect(await asked('mutation { login }')).toMatchObject({ data: { login: null } });
      expect(refreshes()).toEqual([200]);

      const tab = await context.newPage();
      await tab.goto(`${frontend.pageUrl}/plain.html`);
      await tab.evaluate(`start(${JSON.stringify(frontend.apiUrl)})`);
      await tab.evaluate(
        `${withoutExports('graphql-fetch.js')}; globalThis.ask = createAsk(sessionFetch)`,
      );
      frontend.expireAccessTokens();
      expect(await tab.evaluate(`ask('mutation { rename(name: "Ada") }')`)).toEqual({
        data: { rename: 'u1 is Ada' },
      });
      expect(refreshes()).toEqual([200, 200]);
    },
  );
});

function withoutExports(name: string): string {
  return codeInDocs('graphql.md', name).replaceAll('export ', '');
}
