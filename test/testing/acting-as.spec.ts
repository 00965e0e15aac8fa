import { Controller, Get, Post } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  PermissionClaim,
  RequireFresh,
  Session,
  SessionModule,
  UserRoleClaim,
  VerifySession,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { actingAs, type TestSession } from '../../lib/testing/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';

@Controller()
@VerifySession()
class ShopController {
  @Get('me')
  async me(@CurrentSession() session: SessionContainer): Promise<object> {
    const { plan } = session.getAccessTokenPayload();
    const data = await session.getSessionDataFromDatabase();
    return { userId: session.getUserId(), tenantId: session.getTenantId(), plan, data };
  }

  @Get('admin')
  @VerifySession({ roles: ['admin'], permissions: ['write'] })
  admin(): void {}

  @Get('fresh')
  @RequireFresh('10m')
  fresh(): void {}

  @Get('bound')
  @VerifySession({ bound: true, checkDatabase: true })
  bound(): void {}

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): void {}

  @Post('change')
  change(): void {}
}

@Controller('staff')
class StaffController {
  @Get()
  @VerifySession({ kind: 'staff' })
  staff(@CurrentSession('sub') userId: string): object {
    return { userId };
  }
}

describe.each(platforms)('acting as a user on %s', (platform) => {
  let booted: BootedApp | undefined;
  afterEach(() => booted?.close());

  async function boot(
    sessions: SessionModuleOptions = {},
    options: BootOptions = {},
  ): Promise<BootedApp> {
    booted = await bootApp({ platform, controllers: [ShopController], sessions, ...options });
    return booted;
  }

  it('sends a session with what it was given, by header and by cookie, and writes one row', async () => {
    const { app, client, dataSource } = await boot();
    const as = { tenantId: 'acme', claims: { plan: 'gold' }, data: { from: 'test' } };
    const ada = await actingAs(app, 'ada', as);
    const seen = { userId: 'ada', tenantId: 'acme', plan: 'gold', data: { from: 'test' } };
    for (const headers of [ada.headers, { cookie: ada.cookie }]) {
      const { status, json } = await client().get('/me', { headers });
      expect([status, json]).toEqual([200, seen]);
    }
    expect(ada.userId).toBe('ada');
    expect(await dataSource.getRepository(Session).countBy({ userId: 'ada' })).toBe(1);
  });

  it('has roles and permissions without a row of users; other registered claims are fetched', async () => {
    const fetched: string[] = [];
    const claims = [
      new UserRoleClaim({ fetchValue: () => void fetched.push('roles') }),
      new PermissionClaim({
        fetchValue: () => {
          fetched.push('permissions');
          return ['write'];
        },
      }),
    ];
    const { app, client } = await boot({ claims });
    const admin = await actingAs(app, 'ada', { roles: ['admin'] });
    const clerk = await actingAs(app, 'bob', { roles: ['clerk'], permissions: [] });
    expect((await client().get('/admin', { headers: admin.headers })).status).toBe(200);
    expect((await client().get('/admin', { headers: clerk.headers })).status).toBe(403);
    expect(fetched).toEqual(['permissions']);
  });

  it('has a login of some time ago, refreshed just now unless it says otherwise', async () => {
    const { app, client, clock } = await boot({ absoluteTimeout: '1d' });
    const statusOf = async (path: string, headers: object) =>
      (await client().get(path, { headers: { ...headers } })).status;
    const old = await actingAs(app, 'ada', { loggedInAgo: '11m' });
    const young = await actingAs(app, 'ada', { loggedInAgo: '9m' });
    expect([await statusOf('/fresh', old.headers), await statusOf('/me', old.headers)]).toEqual([
      403, 200,
    ]);
    expect(await statusOf('/fresh', young.headers)).toBe(200);
    const long = await actingAs(app, 'ada', { loggedInAgo: '23h', lastRefreshedAgo: '2h' });
    expect(await statusOf('/me', long.headers)).toBe(401);
    await long.refresh();
    expect(await statusOf('/me', long.headers)).toBe(200);
    clock.advance('61m');
    await expect(long.refresh()).rejects.toMatchObject({ code: 'UNAUTHORISED' });
  });

  it.each([
    ['live', 200, 200, {}],
    ['expired', 401, 200, { code: 'TRY_REFRESH_TOKEN' }],
    ['revoked', 401, 401, { code: 'TRY_REFRESH_TOKEN' }],
    ['over', 401, 401, { code: 'TRY_REFRESH_TOKEN' }],
  ] as const)('%s: a route answers %i, a refresh %i', async (state, guarded, refreshed, body) => {
    const { app, client } = await boot();
    const ada = await actingAs(app, 'ada', { state });
    const answer = await client().get('/me', { headers: ada.headers });
    expect([answer.status, answer.json]).toMatchObject([guarded, body]);
    const refresh = await client().post('/auth/session/refresh', undefined, {
      headers: ada.refreshHeaders,
    });
    expect(refresh.status).toBe(refreshed);
  });

  it('has tokens that follow a refresh, a merge and the anti-CSRF mode', async () => {
    const { app, client } = await boot({ antiCsrf: 'VIA_TOKEN' });
    const ada = await actingAs(app, 'ada');
    const before = ada.cookie;
    await ada.refresh();
    await ada.session.mergeIntoAccessTokenPayload({ plan: 'gold' });
    expect(ada.cookie).not.toBe(before);
    const { cookie, antiCsrfToken = '' } = ada;
    const change = (headers: Record<string, string>) =>
      client().post('/change', undefined, { headers: { cookie, ...headers } });
    expect((await change({})).status).toBe(401);
    expect((await change({ 'anti-csrf': antiCsrfToken })).status).toBe(201);
    expect((await client().get('/me', { headers: { cookie } })).json).toMatchObject({
      plan: 'gold',
    });
    await ada.revoke();
    expect((await client().get('/strict', { headers: { cookie } })).status).toBe(401);
  });

  it('has a session that is bound to a device, with the option for that', async () => {
    const { app, client } = await boot({ deviceBinding: true });
    const status = async (path: string, headers: object) =>
      (await client().get(path, { headers: { ...headers } })).status;
    for (const as of [{ bound: true }, { bound: true, loggedInAgo: '2h' }] as const) {
      const ada = await actingAs(app, 'ada', as);
      expect(ada.session.isBound()).toBe(true);
      expect(await status('/bound', { cookie: ada.cookie })).toBe(200);
      expect(await status('/bound', ada.headers)).toBe(401);
      await expect(ada.refresh()).rejects.toMatchObject({ code: 'DEVICE_PROOF_MISSING' });
    }
    const { cookie } = await actingAs(app, 'ada');
    expect(await status('/bound', { cookie })).toBe(403);
  });

  it('is bound to no device without the option, and says so before it writes', async () => {
    const { app, dataSource } = await boot();
    await expect(actingAs(app, 'ada', { bound: true })).rejects.toThrow('`deviceBinding`');
    expect(await dataSource.getRepository(Session).count()).toBe(0);
  });

  it('acts in the kind of sessions that it names', async () => {
    const { app, client } = await boot(
      {},
      {
        controllers: [ShopController, StaffController],
        imports: [SessionModule.forRoot({ kind: 'staff' })],
      },
    );
    const boss = await actingAs(app, 'boss', { kind: 'staff' });
    const ada = await actingAs(app, 'ada');
    const statusOf = async (path: string, cookie: string) =>
      (await client().get(path, { headers: { cookie } })).status;
    expect([await statusOf('/staff', boss.cookie), await statusOf('/me', boss.cookie)]).toEqual([
      200, 401,
    ]);
    expect([await statusOf('/staff', ada.cookie), await statusOf('/me', ada.cookie)]).toEqual([
      401, 200,
    ]);
    await expect(actingAs(app, 'ada', { kind: 'other' })).rejects.toThrow(
      "the application does not import SessionModule.forRoot({ kind: 'other' })",
    );
  });

  it('is somebody else who acts as the user, never fresh, until their own session ends', async () => {
    const { app, client, clock } = await boot();
    const admin = await actingAs(app, 'admin', { roles: ['support'] });
    const first = await actingAs(app, 'ada', { actor: admin });
    let second = await actingAs(app, 'bob', { actor: admin });
    const statusOf = async (path: string, { headers }: TestSession) =>
      (await client().get(path, { headers })).status;
    expect(second.session.getActor()).toMatchObject({ userId: 'admin' });
    expect([await statusOf('/me', second), await statusOf('/fresh', second)]).toEqual([200, 403]);
    expect(await statusOf('/me', first)).toBe(401);
    await expect(actingAs(app, 'eve', { actor: second })).rejects.toMatchObject({
      code: 'UNAUTHORISED',
    });
    const expired = await actingAs(app, 'carl', { actor: admin, state: 'expired' });
    expect(await statusOf('/me', expired)).toBe(401);
    await expired.refresh();
    expect(await statusOf('/me', expired)).toBe(200);
    second = await actingAs(app, 'bob', { actor: admin });
    clock.advance('59m');
    await second.refresh();
    expect(await statusOf('/me', second)).toBe(200);
    await admin.revoke();
    expect(await statusOf('/me', second)).toBe(401);
    await expect(second.refresh()).rejects.toMatchObject({ code: 'UNAUTHORISED' });
  });

  it.each([
    [{ roles: 'admin' }, 'st-role'],
    [{ claims: { sub: 'x' } }, 'reserved claim sub'],
    [{ loggedInAgo: 'yesterday' }, 'loggedInAgo'],
  ])('refuses what no session can hold: %o', async (as, problem) => {
    const { app } = await boot();
    await expect(actingAs(app, 'ada', as as never)).rejects.toThrow(problem);
  });
});

describe('what lets a test act as anybody', () => {
  afterEach(() => {
    process.env['NODE_ENV'] = 'test';
  });

  it('throws in production', async () => {
    const booted = await bootApp();
    process.env['NODE_ENV'] = 'production';
    await expect(actingAs(booted.app, 'ada')).rejects.toThrow('NODE_ENV is production');
    await booted.close();
  });
});
