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
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';

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

  async function boot(sessions: SessionModuleOptions): Promise<void> {
    booted = await bootApp({ platform, controllers: [RolesController], sessions });
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
});
