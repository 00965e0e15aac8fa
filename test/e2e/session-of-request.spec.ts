import {
  Catch,
  Controller,
  Get,
  HttpException,
  Injectable,
  Module,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type NestMiddleware,
  type MiddlewareConsumer,
  type NestModule,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import {
  CreateSession,
  CurrentSession,
  currentSession,
  SessionGuard,
  SessionModule,
  sessionOf,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { WsTestClient } from '../support/socket-clients.js';
import { LoginController } from '../support/login.controller.js';

const seen: Record<string, string | undefined> = {};

@Injectable()
class PolicyGuard implements CanActivate {
  canActivate(context: ExecutionContext): true {
    seen['guard'] = currentSession(context)?.getUserId();
    return true;
  }
}

@Injectable()
class Interceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>) {
    seen['interceptor'] = currentSession(context)?.getUserId();
    return next.handle();
  }
}

@Catch(HttpException)
class Filter implements ExceptionFilter {
  catch(error: HttpException, host: ArgumentsHost): void {
    seen['filter'] = currentSession(host)?.getUserId();
    const response = host.switchToHttp().getResponse<{
      status(code: number): { send(body: unknown): void };
    }>();
    response.status(error.getStatus()).send({ teapot: true });
  }
}

/** What a logger of requests has: Node's own request, when the answer is finished. */
class RequestLog implements NestMiddleware {
  use(request: object, response: ServerResponse, next: () => void): void {
    response.on('finish', () => (seen['log'] = sessionOf(request)?.getUserId()));
    next();
  }
}

@Module({ providers: [{ provide: APP_FILTER, useClass: Filter }] })
class LogModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(RequestLog).forRoutes('*path');
  }
}

@Controller()
class MeController {
  @Get('me')
  @UseGuards(SessionGuard, PolicyGuard)
  @UseInterceptors(Interceptor)
  me(): never {
    throw new HttpException('', 418);
  }

  @Get('open')
  @UseGuards(PolicyGuard)
  open(): object {
    return { found: seen['guard'] === undefined };
  }

  @Get('optional')
  @VerifySession({ sessionRequired: false })
  @UseGuards(PolicyGuard)
  optional(): object {
    return {};
  }
}

@Controller('staff')
class StaffController {
  @Get('login')
  @CreateSession({ kind: 'staff' })
  login(): string {
    return 'boss';
  }
}

describe.each(platforms)('the session of a request on %s', (platform) => {
  let booted: BootedApp | undefined;
  afterEach(async () => {
    await booted?.close();
    for (const name of Object.keys(seen)) delete seen[name];
  });

  it('is there for later guards, interceptors, exception filters and loggers, without a promise', async () => {
    booted = await bootApp({
      platform,
      controllers: [LoginController, MeController],
      imports: [LogModule],
    });
    const client = booted.client();
    await client.post('/login', { userId: 'ada' });
    expect((await client.get('/me')).status).toBe(418);
    expect(seen).toEqual({ guard: 'ada', interceptor: 'ada', filter: 'ada', log: 'ada' });
  });

  it('is undefined where no guard has looked, and where there is none', async () => {
    booted = await bootApp({
      platform,
      controllers: [LoginController, MeController],
      imports: [LogModule],
    });
    const client = booted.client();
    expect((await client.get('/optional')).status).toBe(200);
    await client.post('/login', { userId: 'ada' });
    expect((await client.get('/open')).json).toEqual({ found: true });
    expect(seen['log']).toBeUndefined();
  });

  it('is that of the kind that is asked for, and never that of another', async () => {
    const found: Record<string, string | undefined> = {};
    @Controller()
    class KindsController {
      @Get('staff')
      @VerifySession({ kind: 'staff' })
      staff(): void {}
    }
    booted = await bootApp({
      platform,
      imports: [SessionModule.forRoot({ kind: 'staff', isGlobal: true })],
      controllers: [LoginController, StaffController, KindsController],
      prepare: (app) => {
        app.useGlobalInterceptors({
          intercept: (context: ExecutionContext, next: CallHandler<unknown>) => {
            found['own'] = currentSession(context)?.getUserId();
            found['staff'] = currentSession(context, 'staff')?.getUserId();
            found['other'] = currentSession(context, 'other')?.getUserId();
            const request = context.switchToHttp().getRequest<object>();
            found['request'] = sessionOf(request)?.getUserId();
            found['request of staff'] = sessionOf(request, 'staff')?.getUserId();
            return next.handle();
          },
        });
      },
    });
    const client = booted.client();
    await client.post('/login', { userId: 'customer' });
    await client.get('/staff/login');
    await client.get('/staff');
    expect(found).toEqual({
      own: 'boss',
      staff: 'boss',
      other: undefined,
      request: 'boss',
      'request of staff': 'boss',
    });
  });
});

describe('the session of a message on a socket', () => {
  it('is there for later guards, interceptors and exception filters of the gateway', async () => {
    const found: Record<string, string | undefined> = {};
    @Catch()
    class SocketFilter implements ExceptionFilter {
      catch(_error: unknown, host: ArgumentsHost): void {
        found['filter'] = currentSession(host)?.getUserId();
        host
          .switchToWs()
          .getClient<WebSocket>()
          .send(JSON.stringify({ event: 'teapot' }));
      }
    }
    @WebSocketGateway()
    class Teapot {
      @SubscribeMessage('me')
      @UseGuards(SessionGuard, PolicyGuard)
      @UseInterceptors(Interceptor)
      @UseFilters(SocketFilter)
      me(): never {
        throw new Error('teapot');
      }
    }
    const booted = await bootApp({
      providers: [Teapot],
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    onTestFinished(() => booted.close());
    const session = await booted.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'ada');
    const headers = { authorization: `Bearer ${session.getAccessToken()}` };
    const client = await WsTestClient.open(booted.url, '', headers);
    expect(await client.ask('me')).toEqual(['teapot', undefined]);
    client.close();
    expect({ ...seen, ...found }).toEqual({ guard: 'ada', interceptor: 'ada', filter: 'ada' });
  });
});

describe('what holds no session', () => {
  it.each([[undefined], [null], ['text'], [{}], [Object.create(null)]])(
    'gives none, and throws nothing: %o',
    (request) => {
      expect(sessionOf(request)).toBeUndefined();
    },
  );
});

describe('a handler whose guard a test has replaced', () => {
  afterEach(() => {
    process.env['NODE_ENV'] = 'test';
  });

  async function answerOf(): Promise<number> {
    @Controller()
    class Guarded {
      @Get()
      @VerifySession()
      show(@CurrentSession() session: SessionContainer | undefined): object {
        return { userId: session?.getUserId() ?? null };
      }
    }
    const testing = await Test.createTestingModule({ controllers: [Guarded] })
      .overrideGuard(SessionGuard)
      .useValue({ canActivate: () => true })
      .compile();
    const app = testing.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const { status } = await fetch(await app.getUrl());
    await app.close();
    return status;
  }

  it('gets no session in place of an error', async () => {
    expect(await answerOf()).toBe(200);
  });

  it('is an error all the same in production', async () => {
    process.env['NODE_ENV'] = 'production';
    expect(await answerOf()).toBe(500);
  });
});
