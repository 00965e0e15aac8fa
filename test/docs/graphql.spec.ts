import type { DynamicModule, Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actingAs } from '../../lib/testing/index.js';
import { bootApp, type Platform } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { graphQlServers, type GraphQlAnswer } from '../support/graphql-servers.js';
import type { HttpClient } from '../support/http-client.js';
import { holderOf } from '../support/scene.js';

const SERVERS: [string, Platform, string][] = [
  ['apollo.module.ts', 'express', 'apollo'],
  ['apollo.module.ts', 'fastify', 'apollo'],
  ['mercurius.module.ts', 'fastify', 'mercurius'],
];

/** The option `context`, as the page shows it. */
const CONTEXTS = {
  express: ({ req, res }: { req: object; res: object }) => ({ req, res }),
  fastify: (req: object, res: object) => ({ req, res }),
};

describe('what docs/graphql.md shows', () => {
  const files = new DocFiles('graphql.md');
  beforeAll(() => files.write());
  afterAll(() => files.remove());

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual([
      'account.resolver.ts',
      'apollo.module.ts',
      'mercurius.module.ts',
      'acting.resolver.ts',
    ]);
    expect(files.problems()).toBe('');
  });

  it.each(SERVERS)('logs in, asks and signs out with %s on %s', async (file, platform, name) => {
    const { AccountResolver } = await files.load<{ AccountResolver: Type }>('account.resolver.ts');
    const { [name]: module } = await files.load<Record<string, DynamicModule>>(file);
    const booted = await bootApp({
      platform,
      imports: module === undefined ? [] : [module],
      providers: [AccountResolver],
    });
    const ask = async (client: HttpClient, query: string) => {
      const answer = await client.post('/graphql', { query });
      return { ...answer, ...(answer.json as GraphQlAnswer) };
    };
    const visitor = booted.client('https://www.example.com');
    const refused = await ask(visitor, 'mutation { login(name: "ada", password: "x") { id } }');
    expect([refused.status, refused.data]).toEqual([200, { login: null }]);
    const login = await ask(
      visitor,
      'mutation { login(name: "ada", password: "correct horse") { id tenant } }',
    );
    expect(login.data).toEqual({ login: { id: 'ada', tenant: 'public' } });
    expect(holderOf(login).userId).toBe('ada');
    expect((await ask(visitor, '{ me { id tenant } }')).data).toEqual({
      me: { id: 'ada', tenant: 'public' },
    });
    expect((await ask(visitor, 'mutation { signOut }')).data).toEqual({ signOut: true });
    expect((await ask(visitor, '{ me { id } }')).status).toBe(401);
    await booted.close();
  });

  it.each(graphQlServers)(
    'acts as a user, by hand, with $server on $platform',
    async ({ platform, graphQl }) => {
      const { ActingResolver } = await files.load<{ ActingResolver: Type }>('acting.resolver.ts');
      const { AccountResolver } =
        await files.load<Record<'AccountResolver', Type>>('account.resolver.ts');
      const booted = await bootApp({
        platform,
        imports: [graphQl({ context: CONTEXTS[platform], fieldResolverEnhancers: ['guards'] })],
        providers: [AccountResolver, ActingResolver],
      });
      const support = booted.client('https://www.example.com');
      const { cookie } = await actingAs(booted.app, 'sam', { roles: ['support'] });
      for (const each of cookie.split('; ')) {
        await support.jar.setCookie(`${each}; Secure; Path=/`, 'https://www.example.com');
      }
      const ask = async (query: string) =>
        ((await support.post('/graphql', { query })).json as GraphQlAnswer).data;
      const beginning = 'mutation { actAs(userId: "ada", reason: "ticket 7") }';
      expect(await ask(beginning)).toEqual({ actAs: true });
      expect(await ask('{ me { id } }')).toEqual({ me: { id: 'ada' } });
      expect(await ask('mutation { endActing }')).toEqual({ endActing: true });
      expect(await ask('{ me { id } }')).toEqual({ me: { id: 'sam' } });
      await booted.close();
    },
  );
});
