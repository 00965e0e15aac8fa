import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  PublicAccess,
  PermissionClaim,
  SessionGuard,
  UserRoleClaim,
  VerifySession,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { createTestDatabase } from '../support/databases.js';
import { payloadOf } from '../support/scene.js';
import { HttpClient } from '../support/http-client.js';

let roles: string[] | undefined;
let permissions: string[] | undefined;

const registered: SessionModuleOptions = {
  claims: [
    new UserRoleClaim({ fetchValue: () => roles }),
    new PermissionClaim({ fetchValue: () => permissions, defaultMaxAgeInSeconds: 60 }),
  ],
};

@Controller()
@VerifySession({ roles: ['user'] })
class RolesController {
  @Post('login')
  @CreateSession({ accessTokenPayload: () => ({ 'st-perm': { v: ['read'], t: 0 } }) })
  @PublicAccess()
  login(): string {
    return 'u1';
  }

  @Post('guest')
  @CreateSession()
  @PublicAccess()
  guest(): string {
    return 'u2';
  }

  @Get('user')
  user(): object {
    return {};
  }

  @Get('admin')
  @VerifySession({ roles: ['user', 'admin'] })
  admin(): object {
    return {};
  }

  @Get('write')
  @VerifySession({ roles: [], permissions: ['read', 'write'] })
  @UseGuards(SessionGuard)
  write(): object {
    return {};
  }

  @Get('any')
  @VerifySession({ roles: { any: ['admin', 'editor'] }, permissions: { any: ['write', 'delete'] } })
  any(): object {
    return {};
  }

  @Get('both')
  @VerifySession({
    roles: ['admin'],
    permissions: ['write'],
    overrideGlobalClaimValidators: () => [{ id: 'first', validate: () => ({ isValid: false }) }],
  })
  both(): object {
    return {};
  }
}

const missing = (id: string, ...expectedToInclude: string[]) => ({
  id,
  reason: { message: 'value does not exist', expectedToInclude },
});
const wrong = (id: string, expectedToInclude: string[], actualValue: string[]) => ({
  id,
  reason: { message: 'wrong value', expectedToInclude, actualValue },
});

describe.each(platforms)('roles and permissions on %s', (platform) => {
  let booted: BootedApp;
  let client: HttpClient;

  async function boot(
    sessions: SessionModuleOptions,
    more: Pick<BootOptions, 'clock' | 'database'> = {},
  ): Promise<void> {
    booted = await bootApp({ platform, controllers: [RolesController], sessions, ...more });
  }
  const failures = async (path: string) => {
    const { json } = await client.get(path);
    return (json as { claimValidationErrors?: object[] }).claimValidationErrors;
  };

  describe('from registered claims', () => {
    beforeAll(() => boot(registered));
    afterAll(() => booted.close());
    beforeEach(async () => {
      roles = ['user'];
      permissions = ['read'];
      client = booted.client();
      await client.post('/login');
    });

    it('let a user pass who has all of them', async () => {
      expect((await client.get('/user')).status).toBe(200);
      expect(await failures('/admin')).toEqual([wrong('st-role', ['user', 'admin'], ['user'])]);
      expect(await failures('/write')).toEqual([wrong('st-perm', ['read', 'write'], ['read'])]);
    });

    it('let a user pass who has one of `any`', async () => {
      roles = ['user', 'editor'];
      permissions = ['delete'];
      client = booted.client();
      await client.post('/login');
      booted.clock.advanceMs(60_001);
      expect((await client.get('/any')).status).toBe(200);
      permissions = ['read'];
      booted.clock.advanceMs(60_001);
      const reason = {
        message: 'wrong value',
        expectedToIncludeAtLeastOneOf: ['write', 'delete'],
        actualValue: ['read'],
      };
      expect(await failures('/any')).toEqual([{ id: 'st-perm', reason }]);
    });

    it.each([[{ any: [] }], [{ any: ['a'], all: ['b'] }], [{ any: 'admin' }], [{ any: [''] }]])(
      'are refused as %o when the route is declared',
      (names) => {
        expect(() => VerifySession({ roles: names as never })).toThrow('roles');
        expect(() => VerifySession({ permissions: names as never })).toThrow('permissions');
      },
    );

    it('stand behind what the route asks beside them, roles before permissions', async () => {
      expect(await failures('/both')).toEqual([
        { id: 'first' },
        wrong('st-role', ['admin'], ['user']),
        wrong('st-perm', ['write'], ['read']),
      ]);
    });

    it('are fetched again after the age that the claim allows, and else not', async () => {
      roles = ['user', 'admin'];
      permissions = ['read', 'write'];
      booted.clock.advanceMs(60_001);
      expect(await failures('/admin')).toEqual([wrong('st-role', ['user', 'admin'], ['user'])]);
      expect((await client.get('/write')).status).toBe(200);
    });

    it('are fetched for a session that has none yet', async () => {
      roles = undefined;
      client = booted.client();
      await client.post('/login');
      expect(await failures('/user')).toEqual([missing('st-role', 'user')]);
      roles = ['user'];
      expect((await client.get('/user')).status).toBe(200);
    });
  });

  describe('without a registered claim', () => {
    beforeAll(() => boot({}));
    afterAll(() => booted.close());

    it('are what the payload says, and nothing is fetched', async () => {
      client = booted.client();
      await client.post('/login');
      expect(await failures('/user')).toEqual([missing('st-role', 'user')]);
      expect(await failures('/write')).toEqual([wrong('st-perm', ['read', 'write'], ['read'])]);
    });
  });

  it('of a session that is older than both claims are fetched in their order, whichever a route asks for', async () => {
    const { options, drop } = await createTestDatabase('sqlite');
    const database = options as NonNullable<BootOptions['database']>;
    await boot({}, { database });
    client = booted.client();
    const { jar } = client;
    await client.post('/guest');
    const { clock } = booted;
    await booted.close();
    const claims = [
      new UserRoleClaim({ fetchValue: () => ['editor'] }),
      new PermissionClaim({
        fetchValue: ({ accessTokenPayload }) => {
          const role = accessTokenPayload['st-role'] as { v: string[] } | undefined;
          return role?.v.includes('editor') === true ? ['read', 'write'] : [];
        },
      }),
    ];
    await boot({ claims }, { database, clock });
    client = new HttpClient(booted.url, booted.url, jar);
    expect((await client.get('/write')).status).toBe(200);
    expect(payloadOf((await client.cookie('sAccessToken')) ?? '')).toMatchObject({
      'st-role': { v: ['editor'] },
      'st-perm': { v: ['read', 'write'] },
    });
    await booted.close();
    await drop();
  });
});
