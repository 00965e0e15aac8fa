import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  InjectSessions,
  RequireFresh,
  SessionEventBus,
  SessionGuard,
  SessionModule,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { loginAs } from '../support/login.controller.js';

const tell = (session: SessionContainer) => ({
  userId: session.getUserId(),
  audience: session.getAccessTokenPayload()['aud'],
});

@Controller()
class ShopController extends loginAs('1') {
  @Get('me')
  me(@CurrentSession() session: SessionContainer): object {
    return tell(session);
  }
}

@Controller('staff')
@VerifySession({ kind: 'staff' })
class StaffController {
  @CreateSession({ kind: 'staff' })
  @Get('login-by-link')
  loginByLink(): string {
    return '1';
  }

  @Get('me')
  me(@CurrentSession() session: SessionContainer): object {
    return tell(session);
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(@CurrentSession() session: SessionContainer): object {
    return tell(session);
  }

  @Get('fresh')
  @RequireFresh('10m')
  fresh(@CurrentSession() session: SessionContainer): object {
    return tell(session);
  }
}

@Controller('staff-login')
class StaffLoginController {
  @CreateSession({ kind: 'staff' })
  @Get()
  login(): string {
    return '1';
  }
}

@Injectable()
class Desk {
  constructor(
    readonly customers: SessionService,
    @InjectSessions('staff') readonly staff: SessionService,
    @InjectSessions('staff', 'events') readonly events: SessionEventBus,
  ) {}
}

describe.each(platforms)('two kinds of sessions in one application, on %s', (platform) => {
  let booted: BootedApp;
  let client: HttpClient;
  let desk: Desk;

  beforeEach(async () => {
    booted = await bootApp({
      platform,
      imports: [SessionModule.forRoot({ kind: 'staff' })],
      controllers: [ShopController, StaffController, StaffLoginController],
      providers: [{ provide: APP_GUARD, useClass: SessionGuard }, Desk],
    });
    client = booted.client();
    desk = booted.app.get(Desk);
  });
  afterEach(() => booted.close());

  const namesOf = (lines: readonly string[]) =>
    lines.map((line) => String(line.split('=', 1)[0])).toSorted();

  it('have cookies, an audience and routes of their own', async () => {
    const login = await client.get('/staff-login');
    expect(namesOf(login.setCookies)).toEqual(['staff-sAccessToken', 'staff-sRefreshToken']);
    for (const path of ['/staff/me', '/staff/strict', '/staff/fresh']) {
      expect((await client.get(path)).json).toEqual({ userId: '1', audience: 'staff' });
    }
    expect((await client.get('/me')).status).toBe(401);
    expect((await client.post('/auth/session/refresh')).status).toBe(401);
    const refreshed = await client.post('/auth/staff/session/refresh');
    expect(refreshed.status).toBe(200);
    expect(namesOf(refreshed.setCookies)).toEqual(['staff-sAccessToken', 'staff-sRefreshToken']);
  });

  it('M6: never let a customer pass for one of the staff, or the staff for a customer', async () => {
    await client.post('/login');
    expect((await client.get('/me')).json).toEqual({ userId: '1' });
    for (const path of ['/staff/me', '/staff/strict', '/staff/fresh', '/auth/staff/sessions']) {
      expect((await client.get(path)).status).toBe(401);
    }
    await client.get('/staff-login');
    expect((await client.get('/staff/me')).json).toEqual({ userId: '1', audience: 'staff' });
    expect((await client.get('/me')).json).toEqual({ userId: '1' });
    const token = String(await client.cookie('sAccessToken'));
    const headers = { cookie: `staff-sAccessToken=${token}` };
    expect((await booted.client().get('/staff/me', { headers })).status).toBe(401);
  });

  it('are listed, ended and told of each for itself', async () => {
    const told: string[] = [];
    desk.events.on('revoked', ({ userId }) => void told.push(userId));
    await client.post('/login');
    await client.get('/staff-login');
    const { json } = await client.get('/auth/staff/sessions');
    expect((json as { sessions: object[] }).sessions).toHaveLength(1);
    expect(await desk.customers.revokeAllSessionsForUser('1')).toHaveLength(1);
    expect(told).toEqual([]);
    expect((await client.get('/staff/strict')).status).toBe(200);
    expect(await desk.staff.revokeAllSessionsForUser('1')).toHaveLength(1);
    expect(told).toEqual(['1']);
    expect((await client.get('/staff/me')).status).toBe(401);
  });
});

describe('an application with two kinds of sessions', () => {
  async function start(
    ...modules: Parameters<typeof SessionModule.forRoot>[0][]
  ): Promise<unknown> {
    @Module({})
    class Marker {}
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          synchronize: true,
          autoLoadEntities: true,
        }),
        Marker,
        ...modules.map((options) => SessionModule.forRoot(options)),
      ],
    }).compile();
    try {
      await testing.init();
      return undefined;
    } catch (error) {
      return error;
    } finally {
      await testing.close().catch(() => undefined);
    }
  }

  it('starts where they share nothing', async () => {
    expect(await start({}, { kind: 'staff' }, { kind: 'partners' })).toBeUndefined();
  });

  it.each([
    [
      'have one name',
      [{ kind: 'staff' }, { kind: 'staff', apiBasePath: '/other' }],
      'The kind of sessions staff: two modules have it.',
    ],
    [
      'have one cookie',
      [{}, { kind: 'staff', cookie: { names: { accessToken: 'sAccessToken' } } }],
      'The kind of sessions staff: another module has its cookie sAccessToken.',
    ],
    [
      'have one base path',
      [{}, { kind: 'staff', apiBasePath: 'auth/' }],
      'The kind of sessions staff: another module has its base path.',
    ],
  ])('does not start where they %s', async (_, modules, message) => {
    expect(String(await start(...modules))).toContain(message);
  });

  it.each(['', 'Staff', 'a b', '__proto__', 'a'.repeat(33), 7])('has no kind %j', (kind) => {
    expect(() => SessionModule.forRoot({ kind: kind as string })).toThrow('`kind`');
    expect(() => VerifySession({ kind: kind as string })).toThrow('kind');
    expect(() => CreateSession({ kind: kind as string })).toThrow('kind');
  });
});
