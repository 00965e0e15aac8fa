import type { IncomingMessage } from 'node:http';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  Query,
  Req,
  Res,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  ForbidImpersonation,
  getSessionsToken,
  InjectSessions,
  RequireFresh,
  SessionEventBus,
  SessionGuard,
  SessionHealth,
  SessionModule,
  SessionService,
  VerifySession,
  type RateLimitCounter,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase } from '../support/databases.js';
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

  @Get('shop')
  @VerifySession()
  shop(): object {
    return {};
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

  @Get('plain')
  plain(): object {
    return {};
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

@Controller()
class EitherLoginController {
  constructor(private readonly desk: Desk) {}

  @Post('either-login')
  async login(
    @Query('kind') kind: 'staff' | 'customers',
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.desk.staff.limitLogin(request);
    await this.desk.customers.limitLogin(request);
    await this.desk[kind].createNewSession(request, response, 'public', '1');
  }
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

/** Takes the token from a header of its own. */
class HeaderGuard extends SessionGuard {
  protected override getRequestResponse(context: ExecutionContext) {
    const { request, response } = super.getRequestResponse(context);
    const { headers } = request as IncomingMessage;
    const value = { ...headers, authorization: headers['x-forwarded-authorization'] };
    return {
      request: Object.create(request as object, { headers: { value } }) as object,
      response,
    };
  }
}

describe('what is asked of the whole application', () => {
  let booted: BootedApp | undefined;
  afterEach(() => booted?.close());

  it.each([
    ['first', true],
    ['last', false],
  ])('is the module without a kind, where that is imported %s', async (_, isFirst) => {
    const modules = [
      SessionModule.forRoot({ kind: 'staff' }),
      SessionModule.forRoot({ kind: 'partners' }),
    ];
    booted = await bootApp({
      ...(isFirst ? {} : { sessionModule: SessionModule.forRoot({ kind: 'guests' }) }),
      imports: [...modules, ...(isFirst ? [] : [SessionModule.forRoot()])],
      controllers: [ShopController, StaffController],
      providers: [Desk],
    });
    const { app } = booted;
    const desk = app.get(Desk);
    expect(app.get(SessionService)).toBe(desk.customers);
    expect(app.get(SessionService)).not.toBe(desk.staff);
    expect(app.get(getSessionsToken('staff'))).toBe(desk.staff);
    expect(app.get(getSessionsToken('staff', 'events'))).toBe(desk.events);
    expect(app.get(SessionEventBus)).not.toBe(desk.events);
    expect(app.get(SessionHealth)).not.toBe(app.get(getSessionsToken('staff', 'health')));
    const created: string[] = [];
    app.get(SessionEventBus).on('created', ({ userId }) => void created.push(userId));
    for (const sessions of [app.get(SessionService), desk.staff]) {
      await sessions.createNewSessionWithoutRequestResponse('public', '1');
    }
    expect(created).toEqual(['1']);
    expect(await app.get(SessionService).getAllSessionHandlesForUser('1')).toHaveLength(1);
  });

  it('is by its guard the module without a kind', async () => {
    booted = await bootApp({
      imports: [SessionModule.forRoot({ kind: 'staff' })],
      controllers: [ShopController, StaffController, StaffLoginController],
      prepare: (app) => void app.useGlobalGuards(app.get(SessionGuard)),
    });
    const client = booted.client();
    await client.get('/staff-login');
    expect((await client.get('/me')).status).toBe(401);
    await client.post('/login');
    expect((await client.get('/me')).json).toEqual({ userId: '1' });
    expect((await client.get('/staff/me')).json).toEqual({ userId: '1', audience: 'staff' });
  });

  it('is there for who imports a module that passes the sessions of a kind on', async () => {
    @Module({
      imports: [SessionModule.forRoot({ kind: 'staff', isGlobal: false })],
      exports: [SessionModule],
    })
    class StaffModule {}
    booted = await bootApp({ imports: [StaffModule], providers: [Desk] });
    const { staff } = booted.app.get(Desk);
    expect(booted.app.get(getSessionsToken('staff'))).toBe(staff);
  });

  it('is found by its token alone, where all sessions have a kind', async () => {
    booted = await bootApp({
      sessions: { kind: 'staff', routes: { sessionList: { requireFresh: '10m' } } },
      controllers: [StaffLoginController],
    });
    const client = booted.client();
    await client.get('/staff-login');
    expect((await client.get('/auth/staff/sessions')).status).toBe(200);
    booted.clock.advanceMs(11 * 60_000);
    expect((await client.send('DELETE', '/auth/staff/sessions')).status).toBe(403);
    await client.get('/staff-login');
    expect((await client.send('DELETE', '/auth/staff/sessions')).status).toBe(200);
    const sessions = booted.app.get<SessionService>(getSessionsToken('staff'));
    expect(await sessions.getAllSessionHandlesForUser('1')).toHaveLength(1);
  });
});

describe.each(platforms)('two kinds of sessions on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  it('count apart where they share a counter', async () => {
    const keys: string[] = [];
    const counts = new Map<string, number>();
    const counter: RateLimitCounter = {
      add(key, amount) {
        keys.push(key);
        const count = (counts.get(key) ?? 0) + amount;
        counts.set(key, count);
        return count;
      },
    };
    const rateLimit = { counter, logins: { max: 2, per: '1m' } } as const;
    booted = await bootApp({
      platform,
      sessions: { rateLimit },
      imports: [
        SessionModule.forRoot({ kind: 'staff', rateLimit }),
        SessionModule.forRoot({ kind: 'a'.repeat(32), rateLimit }),
      ],
      controllers: [ShopController, StaffLoginController],
    });
    const client = booted.client();
    const statuses = [];
    for (let tries = 0; tries < 3; tries += 1) {
      statuses.push(
        (await client.post('/login')).status,
        (await client.get('/staff-login')).status,
      );
    }
    expect(statuses).toEqual([201, 200, 201, 200, 429, 429]);
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThanOrEqual(100);
  });

  it('take back a good login of either kind, where one handler counts it for both', async () => {
    const rateLimit = { logins: false, failures: { max: 2, per: '10m' } } as const;
    booted = await bootApp({
      platform,
      sessions: { rateLimit },
      imports: [SessionModule.forRoot({ kind: 'staff', rateLimit })],
      controllers: [EitherLoginController],
      providers: [Desk],
    });
    const statuses = [];
    for (const kind of ['customers', 'customers', 'customers', 'staff']) {
      statuses.push((await booted.client().post(`/either-login?kind=${kind}`)).status);
    }
    expect(statuses).toEqual([201, 201, 201, 201]);
  });

  it('are judged by what a guard of the application’s own finds, with decorators of whichever kind', async () => {
    booted = await bootApp({
      platform,
      imports: [SessionModule.forRoot({ kind: 'staff' })],
      controllers: [ShopController, StaffController, StaffLoginController],
      providers: [{ provide: APP_GUARD, useClass: HeaderGuard }, Desk],
    });
    const { customers, staff } = booted.app.get(Desk);
    for (const [sessions, own, other] of [
      [customers, '/shop', '/staff/plain'],
      [staff, '/staff/plain', '/shop'],
    ] as const) {
      const session = await sessions.createNewSessionWithoutRequestResponse('public', '1');
      const token = `Bearer ${session.getAccessToken()}`;
      const client = booted.client();
      const forwarded = { headers: { 'x-forwarded-authorization': token } };
      expect((await client.get(own, forwarded)).status).toBe(200);
      expect((await client.get(other, forwarded)).status).toBe(401);
      expect((await client.get(own, { headers: { authorization: token } })).status).toBe(401);
    }
  });
});

describe('a kind of sessions', () => {
  it('keeps its sessions where its audience is changed', async () => {
    const database = await createTestDatabase('sqlite');
    const boot = (audience?: string) =>
      bootApp({
        database: database.options,
        sessions: { kind: 'staff', ...(audience === undefined ? {} : { audience }) },
        controllers: [StaffLoginController],
      });
    const before = await boot();
    const client = before.client();
    await client.get('/staff-login');
    const token = String(await client.cookie('staff-sRefreshToken'));
    await before.close();
    const after = await boot('https://staff.example.com');
    const headers = { cookie: `staff-sRefreshToken=${token}` };
    const refreshed = await after.client().post('/auth/staff/session/refresh', {}, { headers });
    expect(refreshed.status).toBe(200);
    const sessions = after.app.get<SessionService>(getSessionsToken('staff'));
    expect(await sessions.getAllSessionHandlesForUser('1')).toHaveLength(1);
    await after.close();
    await database.drop();
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
    const names = { accessToken: 'a', refreshToken: 'b' };
    expect(await start({}, { cookie: { names }, apiBasePath: '/staff' })).toBeUndefined();
    expect(await start({ kind: 'staff' })).toBeUndefined();
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
      "have the other's actor cookie",
      [{}, { kind: 'staff', cookie: { names: { accessToken: 'sRefreshToken-actor' } } }],
      'The kind of sessions staff: another module has its cookie sRefreshToken-actor.',
    ],
    [
      'have one base path',
      [{}, { kind: 'staff', apiBasePath: 'auth/' }],
      'The kind of sessions staff: another module has its base path.',
    ],
    [
      'both have no kind, and one cookie',
      [{}, { apiBasePath: '/staff' }],
      'Two SessionModules without a `kind`: another module has its cookie',
    ],
    [
      'both have no kind, and one cookie in two audiences',
      [{}, { apiBasePath: '/staff', audience: 'staff', cookie: { names: { accessToken: 'a' } } }],
      'Two SessionModules without a `kind`: another module has its cookie',
    ],
    [
      'both have no kind, and one base path',
      [{}, { cookie: { names: { accessToken: 'a', refreshToken: 'b' } } }],
      'Two SessionModules without a `kind`: another module has its base path.',
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

describe.each(platforms)('a kind of sessions that is the only one, on %s', (platform) => {
  @Controller('office')
  @VerifySession({ kind: 'staff' })
  class OfficeController {
    @Get('fresh')
    @RequireFresh('10m', { kind: 'staff' })
    fresh(@CurrentSession() session: SessionContainer): object {
      return tell(session);
    }

    @Get('in-person')
    @ForbidImpersonation({ kind: 'staff' })
    inPerson(@CurrentSession() session: SessionContainer): object {
      return tell(session);
    }
  }

  it('can be asked for a fresh login, and for its user in person', async () => {
    const booted = await bootApp({
      platform,
      sessionModule: SessionModule.forRoot({ kind: 'staff' }),
      controllers: [OfficeController, StaffLoginController],
    });
    const client = booted.client();
    await client.get('/staff-login');
    for (const path of ['/office/fresh', '/office/in-person']) {
      expect((await client.get(path)).json).toEqual({ userId: '1', audience: 'staff' });
    }
    booted.clock.advanceMs(11 * 60_000);
    expect((await client.get('/office/fresh')).status).toBe(403);
    await booted.close();
  });

  it('is refused where its name is none', () => {
    const wrong = { kind: 'Staff!' };
    expect(() => RequireFresh('10m', wrong)).toThrow('kind');
    expect(() => ForbidImpersonation(wrong)).toThrow('kind');
  });
});
