import {
  Controller,
  Get,
  Post,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  CreateSession,
  CreateSessionInterceptor,
  CurrentSession,
  currentSession,
  ForbidImpersonation,
  PublicAccess,
  RequireFresh,
  SessionGuard,
  sessionOf,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import {
  actingAs,
  FakeClock,
  fakeSession,
  FakeSessionGuard,
  sessionGuardOf,
  SessionTestingModule,
  useFakeClock,
} from '../../lib/testing/index.js';
import { platforms } from '../support/boot-app.js';
import { send } from '../support/http-client.js';
import { freePort } from '../support/free-port.js';
import { LogRecorder } from '../support/log-recorder.js';
import { IoTestClient, WsTestClient } from '../support/socket-clients.js';

const tell = (session: SessionContainer | undefined) => ({ userId: session?.getUserId() ?? null });

@Controller()
@VerifySession()
class ShopController {
  @Post('login')
  @CreateSession()
  @PublicAccess()
  login(): string {
    return 'ada';
  }

  @Get('me')
  me(@CurrentSession() session: SessionContainer): object {
    return tell(session);
  }

  @Get('claim')
  claim(@CurrentSession('plan') plan: string): object {
    return { plan };
  }

  @Get('admin')
  @VerifySession({ roles: { any: ['admin', 'owner'] } })
  admin(): object {
    return {};
  }

  @Get('own')
  @ForbidImpersonation()
  own(): object {
    return {};
  }

  @Get('fresh')
  @RequireFresh('10m')
  fresh(): object {
    return {};
  }

  @Get('bound')
  @VerifySession({ bound: true })
  bound(): object {
    return {};
  }

  @Get('optional')
  @VerifySession({ sessionRequired: false })
  optional(@CurrentSession() session?: SessionContainer): object {
    return tell(session);
  }
}

@Controller('staff')
class StaffController {
  @Get()
  @VerifySession({ kind: 'staff' })
  staff(@CurrentSession() session: SessionContainer): object {
    return tell(session);
  }
}

@Controller('bare')
class BareController {
  @Get()
  bare(@CurrentSession() session: SessionContainer): object {
    return tell(session);
  }
}

describe.each(platforms)('a test that replaces the guard on %s', (platform) => {
  let app: INestApplication | undefined;
  afterEach(() => app?.close());

  async function start(builder: TestingModuleBuilder) {
    const testing = await builder.compile();
    const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
    app = testing.createNestApplication(adapter, { logger: false });
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    return async (path: string, headers: Record<string, string> = {}) => {
      const { status, json } = await send(url + path, 'GET', { headers });
      return [status, json];
    };
  }

  function guardedBy(guard: CanActivate, controllers: Type[] = [ShopController]) {
    return start(
      Test.createTestingModule({ controllers })
        .overrideGuard(SessionGuard)
        .useValue(guard)
        .overrideInterceptor(CreateSessionInterceptor)
        .useValue({ intercept: (_: unknown, next: { handle(): unknown }) => next.handle() }),
    );
  }

  it('gives handlers the session, without the module and without a database', async () => {
    const get = await guardedBy(new FakeSessionGuard({ userId: 'ada', claims: { plan: 'gold' } }));
    expect(await get('/me')).toEqual([200, { userId: 'ada' }]);
    expect(await get('/claim')).toEqual([200, { plan: 'gold' }]);
    expect(await get('/optional')).toEqual([200, { userId: 'ada' }]);
  });

  it('gives it to whatever else asks for the session of the request', async () => {
    const seen: (string | undefined)[] = [];
    class Policy implements CanActivate {
      canActivate(context: ExecutionContext): true {
        const request = context.switchToHttp().getRequest<object>();
        seen.push(currentSession(context)?.getUserId(), sessionOf(request)?.getUserId());
        return true;
      }
    }
    const guard = new FakeSessionGuard(fakeSession({ userId: 'ada' }));
    const get = await start(
      Test.createTestingModule({
        controllers: [BareController],
        providers: [
          { provide: APP_GUARD, useValue: guard },
          { provide: APP_GUARD, useClass: Policy },
        ],
      }),
    );
    expect(await get('/bare')).toEqual([200, { userId: 'ada' }]);
    expect(seen).toEqual(['ada', 'ada']);
  });

  it('asks what the route asks: a session, roles, freshness, and nobody who acts as the user', async () => {
    const clock = new FakeClock();
    const authTime = new Date(clock.now() - 11 * 60_000);
    const clerk = fakeSession({ roles: ['clerk'], authTime, clock });
    const owner = fakeSession({ roles: ['owner'], clock });
    const support = fakeSession({ actorId: 'admin', roles: ['owner'], clock });
    const get = await guardedBy(
      new FakeSessionGuard((context) => {
        const { headers } = context
          .switchToHttp()
          .getRequest<{ headers: Record<string, string> }>();
        return { clerk, owner, support }[headers['x-user'] ?? ''];
      }),
    );
    const statuses = async (user: string) => {
      const answers = ['/me', '/optional', '/admin', '/fresh', '/own'].map((path) =>
        get(path, { 'x-user': user }),
      );
      return (await Promise.all(answers)).map(([status]) => status);
    };
    expect(await statuses('nobody')).toEqual([401, 200, 401, 401, 401]);
    expect(await statuses('clerk')).toEqual([200, 200, 403, 403, 200]);
    expect(await statuses('owner')).toEqual([200, 200, 200, 200, 200]);
    expect(await statuses('support')).toEqual([200, 200, 200, 403, 403]);
  });

  it('admits a bound session where a route asks for one', async () => {
    const get = await guardedBy(
      new FakeSessionGuard((context) => {
        const { url } = context.switchToHttp().getRequest<{ url: string }>();
        return fakeSession({ bound: url.endsWith('?bound') });
      }),
    );
    expect((await get('/bound?bound'))[0]).toBe(200);
    expect(await get('/bound')).toMatchObject([403, { claimValidationErrors: [{ id: 'bound' }] }]);
  });

  it('lets everything pass with a guard of its own, and handlers get no session', async () => {
    const get = await guardedBy({ canActivate: () => true });
    expect(await get('/optional')).toEqual([200, { userId: null }]);
    expect(await get('/claim')).toEqual([200, {}]);
    expect(await get('/admin')).toEqual([200, {}]);
  });

  it('replaces the guard of the whole application and those of decorators, where the test provides the former', async () => {
    const guard = new FakeSessionGuard({ userId: 'ada' });
    const builder = Test.createTestingModule({
      imports: [SessionTestingModule.forRoot()],
      controllers: [BareController, ShopController],
      providers: [{ provide: APP_GUARD, useValue: guard }],
    });
    const get = await start(builder.overrideGuard(SessionGuard).useValue(guard));
    expect(await get('/bare')).toEqual([200, { userId: 'ada' }]);
    expect(await get('/me')).toEqual([200, { userId: 'ada' }]);
  });

  it('replaces by overrideProvider the guard of the whole application that is provided with useExisting, and no other', async () => {
    const builder = Test.createTestingModule({
      imports: [SessionTestingModule.forRoot()],
      controllers: [BareController, ShopController],
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
    });
    const get = await start(
      builder.overrideProvider(SessionGuard).useValue(new FakeSessionGuard({ userId: 'ada' })),
    );
    expect(await get('/bare')).toEqual([200, { userId: 'ada' }]);
    expect((await get('/me'))[0]).toBe(401);
  });

  it('reaches the guard of a kind by its name, and leaves those of other kinds alone', async () => {
    const builder = Test.createTestingModule({ controllers: [StaffController, ShopController] });
    const get = await start(
      builder
        .overrideGuard(sessionGuardOf('staff'))
        .useValue(new FakeSessionGuard({ userId: 'boss' }, { kind: 'staff' }))
        .overrideGuard(sessionGuardOf())
        .useValue(new FakeSessionGuard({ userId: 'ada' }))
        .overrideInterceptor(CreateSessionInterceptor)
        .useValue({ intercept: (_: unknown, next: { handle(): unknown }) => next.handle() }),
    );
    expect(await get('/staff')).toEqual([200, { userId: 'boss' }]);
    expect(await get('/me')).toEqual([200, { userId: 'ada' }]);
  });

  it('names both cures where no guard was there to look', async () => {
    const logs = new LogRecorder();
    const get = await start(Test.createTestingModule({ controllers: [BareController] }));
    app?.useLogger(logs);
    expect((await get('/bare'))[0]).toBe(500);
    const told = logs.lines.map(({ text }) => text).join('\n');
    expect(told).toContain('@CurrentSession() on BareController.bare: no guard has looked');
    expect(told).toContain('Add @VerifySession()');
    expect(told).toContain('{ provide: APP_GUARD, useExisting: SessionGuard }');
  });

  it('has real sessions by SessionTestingModule, with a clock of its own', async () => {
    const builder = Test.createTestingModule({
      imports: [SessionTestingModule.forRoot({ refreshTokenLifetime: '30d' })],
      controllers: [ShopController],
    });
    const clock = useFakeClock(builder, new Date('2030-01-01T00:00:00Z'));
    const get = await start(builder);
    const ada = await actingAs(app as INestApplication, 'ada');
    expect(ada.session.getAccessTokenPayload().iat).toBe(Date.UTC(2030) / 1000);
    expect(await get('/me', ada.headers)).toEqual([200, { userId: 'ada' }]);
    clock.advance('31d');
    expect(await get('/me', ada.headers)).toMatchObject([401, { code: 'TRY_REFRESH_TOKEN' }]);
    await expect(ada.refresh()).rejects.toMatchObject({ code: 'UNAUTHORISED' });
  });
});

describe('a test that replaces the guard of messages', () => {
  @WebSocketGateway()
  class ShopGateway {
    @SubscribeMessage('me')
    @VerifySession()
    me(@CurrentSession() session: SessionContainer): object {
      return { event: 'you', data: session.getUserId() };
    }
  }

  @Controller()
  class MessageController {
    @MessagePattern('me')
    @VerifySession()
    me(@CurrentSession() session: SessionContainer): object {
      return tell(session);
    }
  }

  async function guarded(metadata: ModuleMetadata): Promise<INestApplication> {
    const testing = await Test.createTestingModule(metadata)
      .overrideGuard(SessionGuard)
      .useValue(new FakeSessionGuard({ userId: 'ada' }))
      .compile();
    const app = testing.createNestApplication({ logger: false });
    onTestFinished(() => app.close());
    return app;
  }

  it.each([
    ['Socket.IO', IoAdapter, IoTestClient],
    ['ws', WsAdapter, WsTestClient],
  ])('gives the session to handlers of gateways by %s', async (_, Adapter, Client) => {
    const app = await guarded({ providers: [ShopGateway] });
    app.useWebSocketAdapter(new Adapter(app));
    await app.listen(0, '127.0.0.1');
    const client = await Client.open(await app.getUrl(), '', {});
    expect(await client.ask('me')).toEqual(['you', 'ada']);
    client.close();
  });

  it('gives the session to handlers of messages between services', async () => {
    const app = await guarded({ controllers: [MessageController] });
    const options = { host: '127.0.0.1', port: await freePort() };
    app.connectMicroservice({ transport: Transport.TCP, options });
    await app.startAllMicroservices();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    expect(await firstValueFrom(client.send<unknown>('me', {}))).toEqual({ userId: 'ada' });
    await client.close();
  });
});

describe('a module of sessions for tests', () => {
  it('keeps them in memory, two kinds apart', async () => {
    const testing = await Test.createTestingModule({
      imports: [SessionTestingModule.forRoot(), SessionTestingModule.forRoot({ kind: 'staff' })],
    }).compile();
    await testing.init();
    const ada = await actingAs(testing, '1');
    const boss = await actingAs(testing, '1', { kind: 'staff' });
    await boss.revoke();
    await expect(boss.refresh()).rejects.toMatchObject({ code: 'UNAUTHORISED' });
    await ada.refresh();
    await testing.close();
  });

  it('says at once which driver is missing', async () => {
    const testing = Test.createTestingModule({
      imports: [SessionTestingModule.forRoot({}, 'sqljs')],
    });
    await expect(testing.setLogger(new LogRecorder()).compile()).rejects.toThrow('sql.js');
  });
});

describe('a guard that lets everybody in', () => {
  afterEach(() => {
    process.env['NODE_ENV'] = 'test';
  });

  it('throws in production', () => {
    process.env['NODE_ENV'] = 'production';
    expect(() => new FakeSessionGuard()).toThrow('NODE_ENV is production');
  });
});
