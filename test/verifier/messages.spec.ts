import { once } from 'node:events';
import {
  Controller,
  Injectable,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WsAdapter } from '@nestjs/platform-ws';
import { concat, firstValueFrom, of, Subject, toArray, type Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { inspectSessions, SessionService } from '../../lib/index.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { FakeClock } from '../../lib/testing/index.js';
import {
  currentSession,
  CurrentSession,
  PublicAccess,
  ReadonlySession,
  SessionGuard,
  VerifySession,
  type SessionVerifierOptions,
} from '../../lib/verifier/index.js';
import { IssuerFeed } from '../../lib/verifier/issuer-feed.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { freePort } from '../support/free-port.js';
import { LogRecorder } from '../support/log-recorder.js';
import { bootVerifier, FEED_SECRET, ISSUER, type BootedVerifier } from '../support/verifier-app.js';

const news = new Subject<string>();
let pages = new Subject<string>();
const payments = new Subject<string>();

@Injectable()
class PolicyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return currentSession(context)?.getUserId() === 'alice';
  }
}

@Controller()
class OrdersController {
  @MessagePattern('orders')
  @VerifySession()
  orders(@CurrentSession() session: ReadonlySession): object {
    return { userId: session.getUserId() };
  }

  @MessagePattern('policy')
  @UseGuards(SessionGuard, PolicyGuard)
  policy(): object {
    return { isAllowed: true };
  }

  @MessagePattern('admin')
  @VerifySession({ roles: ['admin'] })
  admin(): object {
    return {};
  }

  @MessagePattern('maybe')
  @VerifySession({ sessionRequired: false })
  maybe(@CurrentSession('sub') userId?: string): object {
    return { userId: userId ?? null };
  }

  @MessagePattern('follow')
  @VerifySession()
  follow(): Observable<string> {
    return concat(of('first'), news);
  }

  @MessagePattern('news')
  @VerifySession()
  news(): Observable<string> {
    return news;
  }

  @MessagePattern('page')
  @VerifySession()
  page(): Observable<string> {
    return of('one', 'two');
  }

  @MessagePattern('pages')
  @VerifySession()
  pages(): Observable<string> {
    pages = new Subject();
    return pages;
  }

  @MessagePattern('pay')
  @VerifySession()
  pay(): Promise<string> {
    return firstValueFrom(payments);
  }
}

@WebSocketGateway()
class OrdersGateway {
  @SubscribeMessage('orders')
  @VerifySession()
  orders(@CurrentSession() session: ReadonlySession): object {
    return { event: 'orders', data: session.getUserId() };
  }
}

const tokenOf = (data: unknown): string | undefined => (data as { token?: string }).token;

const tokenLater = async (data: unknown): Promise<Buffer> => Buffer.from(String(tokenOf(data)));

describe.each([
  [true, 'at once', tokenOf],
  [false, 'at once', tokenOf],
  [false, 'by a promise', tokenLater],
] as const)(
  'a service without a database that is called by messages, with inheritAppConfig %s and tokens found %s',
  (inheritAppConfig, _, findToken) => {
    const clock = new FakeClock();
    let issuer: BootedApp;
    let service: BootedVerifier;
    let client: ClientProxy;
    let token: string;
    let handle: string;

    beforeAll(async () => {
      issuer = await bootApp({
        clock,
        sessions: {
          issuer: ISSUER,
          revocation: { pollInterval: '1h', maxStaleness: '1d' },
          routes: { revocations: { secrets: [FEED_SECRET] } },
        },
      });
      const port = await freePort();
      service = await bootVerifier({
        clock,
        controllers: [OrdersController],
        providers: [OrdersGateway],
        options: {
          issuer: ISSUER,
          url: `${issuer.url}/auth`,
          revocations: { secret: FEED_SECRET, pollInterval: '1h', maxStaleness: '1d' },
          messages: { token: findToken },
        },
        prepare: async (app: INestApplication) => {
          app.useWebSocketAdapter(new WsAdapter(app));
          app.connectMicroservice(
            { transport: Transport.TCP, options: { host: '127.0.0.1', port } },
            { inheritAppConfig },
          );
          await app.startAllMicroservices();
        },
      });
      client = ClientProxyFactory.create({
        transport: Transport.TCP,
        options: { host: '127.0.0.1', port },
      });
      const session = await issuer.app
        .get(SessionService)
        .createNewSessionWithoutRequestResponse('public', 'alice');
      token = session.getAccessToken();
      handle = session.getHandle();
    });

    afterAll(async () => {
      await client.close();
      await service.close();
      await issuer.close();
    });

    const call = (pattern: string, data: object): Promise<unknown> =>
      firstValueFrom(client.send<unknown>(pattern, data));

    it('finds the token of a message where the application says', async () => {
      expect(await call('orders', { token })).toEqual({ userId: 'alice' });
      expect(await call('orders', { token: `Bearer ${token}` })).toEqual({ userId: 'alice' });
      expect(await call('maybe', {})).toEqual({ userId: null });
      expect(await call('maybe', { token })).toEqual({ userId: 'alice' });
    });

    it('gives later guards the session of a message', async () => {
      expect(await call('policy', { token })).toEqual({ isAllowed: true });
    });

    it('answers a message without a good token with the code of an error', async () => {
      const cases = [{}, { token: 7 }, { token: 'x' }];
      for (const data of cases) {
        await expect(call('orders', data)).rejects.toMatchObject({
          statusCode: 401,
          code: 'UNAUTHORISED',
        });
      }
      const forged = token.replace(/.{9}$/, 'AAAAAAAAA');
      await expect(call('orders', { token: forged })).rejects.toMatchObject({
        code: 'TRY_REFRESH_TOKEN',
      });
      expect(await call('maybe', { token: forged })).toEqual({ userId: null });
      await expect(call('admin', { token })).rejects.toMatchObject({
        statusCode: 403,
        code: 'INVALID_CLAIMS',
      });
    });

    describe('with a stream', () => {
      const held = (): number => service.app.get(OpenSessions).size;
      const logIn = () =>
        issuer.app.get(SessionService).createNewSessionWithoutRequestResponse('public', 'bob');
      const signOut = async (session: { getHandle(): string }): Promise<void> => {
        clock.advanceMs(1_000);
        await issuer.app.get(SessionService).revokeSession(session.getHandle());
        await service.app.get(IssuerFeed).poll();
      };
      const read = (pattern: string, session: { getAccessToken(): string }) => {
        const told: unknown[] = [];
        client.send<unknown>(pattern, { token: session.getAccessToken() }).subscribe({
          next: (value) => told.push(value),
          error: (error: unknown) => told.push(error),
          complete: () => told.push('complete'),
        });
        return told;
      };
      const unauthorised = {
        status: 'error',
        statusCode: 401,
        code: 'UNAUTHORISED',
        message: 'unauthorised',
      };

      it('ends it with its session, by the error of a refusal', async () => {
        const session = await logIn();
        const told = read('follow', session);
        await expect.poll(() => told).toEqual(['first']);
        expect(held()).toBe(1);
        await signOut(session);
        await expect.poll(() => told).toEqual(['first', unauthorised]);
        expect([held(), news.observed]).toEqual([0, false]);
      });

      it('gives nothing of it that comes after the end', async () => {
        const session = await logIn();
        const told = read('news', session);
        await expect.poll(() => news.observed).toBe(true);
        await signOut(session);
        news.next('secret');
        await expect.poll(() => told).toEqual([unauthorised]);
        expect([held(), news.observed]).toEqual([0, false]);
      });

      it('gives all of it if it completes first, and holds nothing', async () => {
        const session = await logIn();
        const page = client.send('page', { token: session.getAccessToken() }).pipe(toArray());
        expect(await firstValueFrom(page)).toEqual(['one', 'two']);
        expect(held()).toBe(0);
        const told = read('pages', session);
        await expect.poll(() => pages.observed).toBe(true);
        pages.next('three');
        await expect.poll(() => told).toEqual(['three']);
        pages.complete();
        await expect.poll(() => told).toEqual(['three', 'complete']);
        expect(held()).toBe(0);
      });

      it('still sends an answer in one piece', async () => {
        const session = await logIn();
        const told = read('pay', session);
        await expect.poll(() => payments.observed).toBe(true);
        await signOut(session);
        payments.next('paid');
        await expect.poll(() => told).toEqual(['paid', 'complete']);
      });
    });

    it('answers on a socket of an open gateway, and closes it when its session is revoked', async () => {
      const socket = new WebSocket(service.url.replace('http', 'ws'), {
        headers: { authorization: `Bearer ${token}` },
      });
      await once(socket, 'open');
      const said = async (): Promise<unknown> => {
        socket.send(JSON.stringify({ event: 'orders' }));
        const [text] = (await once(socket, 'message')) as [Buffer];
        return JSON.parse(text.toString()) as unknown;
      };
      expect(await said()).toEqual({ event: 'orders', data: 'alice' });
      clock.advanceMs(1_000);
      await issuer.app.get(SessionService).revokeSession(handle);
      const closed = once(socket, 'close');
      await service.app.get(IssuerFeed).poll();
      const [code, reason] = (await closed) as [number, Buffer];
      expect([code, String(reason)]).toEqual([4401, 'UNAUTHORISED']);
      await expect(call('orders', { token })).rejects.toMatchObject({ code: 'TRY_REFRESH_TOKEN' });
    });
  },
);

describe('a service whose options don’t say where messages have their token', () => {
  const log = new LogRecorder();
  let service: BootedVerifier;
  let client: ClientProxy;

  beforeAll(async () => {
    const port = await freePort();
    service = await bootVerifier({
      controllers: [OrdersController],
      options: { issuer: ISSUER, url: 'http://127.0.0.1:9/auth', revocations: false },
      logger: log,
      prepare: async (app) => {
        const options = { host: '127.0.0.1', port };
        app.connectMicroservice({ transport: Transport.TCP, options });
        await app.startAllMicroservices();
      },
    });
    client = ClientProxyFactory.create({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
    });
  });

  afterAll(async () => {
    await client.close();
    await service.close();
  });

  it('is warned at its start, with the names of the guarded handlers', () => {
    const warned = log.lines.filter(({ level }) => level === 'warn').map(({ text }) => text);
    expect(warned).toEqual([
      'OrdersController.orders, OrdersController.policy, OrdersController.admin, OrdersController.maybe, ' +
        'OrdersController.follow, OrdersController.news, OrdersController.page, OrdersController.pages, ' +
        'OrdersController.pay: a session is required, but nothing says where a message has its token, so each call fails. Set `messages.token`, unless a ' +
        'SessionGuard of your own finds it.',
    ]);
  });

  it('is told of `messages.token` when such a handler is called, before it is told to open it', async () => {
    await expect(firstValueFrom(client.send('orders', {}))).rejects.toBeDefined();
    const told = log.lines.map(({ text }) => text).find((text) => text.includes('"rpc"'));
    expect(told).toMatch(/`messages\.token`.*@PublicAccess\(\)/);
  });
});

describe('a service whose application is guarded, called by messages', () => {
  @Controller()
  class BareController {
    @MessagePattern('bare')
    bare(): string {
      return 'answered';
    }

    @MessagePattern('mine')
    mine(@CurrentSession() session: ReadonlySession): string {
      return session.getUserId();
    }

    @MessagePattern('open')
    @PublicAccess()
    open(): string {
      return 'open';
    }
  }

  const log = new LogRecorder();
  const closings: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closings.splice(0)) await close();
    log.clear();
  });

  const boot = async (inheritAppConfig: boolean, messages?: SessionVerifierOptions['messages']) => {
    const options = { host: '127.0.0.1', port: await freePort() };
    const service = await bootVerifier({
      controllers: [BareController],
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
      options: {
        issuer: ISSUER,
        url: 'http://127.0.0.1:9/auth',
        revocations: false,
        ...(messages && { messages }),
      },
      logger: log,
      prepare: async (app) => {
        app.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig });
        await app.startAllMicroservices();
      },
    });
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    closings.push(
      () => client.close(),
      () => service.close(),
    );
    const call = (pattern: string) => firstValueFrom(client.send<unknown>(pattern, {}));
    return { call, app: service.app };
  };
  const cause = (handler: string): string =>
    `BareController.${handler} is open: the guard of the application (APP_GUARD) does not apply to a microservice ` +
    'that is connected without `inheritAppConfig`.';

  it('is found to be open without inheritAppConfig', async () => {
    const { app } = await boot(false);
    expect(await inspectSessions(app)).toMatchObject([
      { code: 'unguarded-handler', cause: cause('bare') },
      { code: 'unguarded-handler', cause: cause('mine') },
    ]);
  });

  it.each([undefined, { token: tokenOf }])(
    'is told so once by the log, at the first message, with `messages` %o',
    async (messages) => {
      const { app, call } = await boot(false, messages);
      expect(await call('bare')).toBe('answered');
      expect(await call('bare')).toBe('answered');
      expect(await call('open')).toBe('open');
      expect(log.texts('warn')).toEqual([
        `${cause('bare')} Call \`connectMicroservice(options, { inheritAppConfig: true })\`, or decorate the handler.`,
      ]);
      expect(await inspectSessions(app)).toHaveLength(2);
    },
  );

  it('is told of inheritAppConfig by a handler that wants a session', async () => {
    const { call } = await boot(false);
    await expect(call('mine')).rejects.toMatchObject({ message: 'Internal server error' });
    const told = log.lines.find(({ text }) => text.includes('no guard has looked'));
    expect(told?.text).toContain('`inheritAppConfig: true`');
  });

  it('is guarded with inheritAppConfig, and nothing is told', async () => {
    const { app, call } = await boot(true, { token: tokenOf });
    await expect(call('bare')).rejects.toMatchObject({ code: 'UNAUTHORISED' });
    expect(await call('open')).toBe('open');
    expect(log.texts('warn')).toEqual([]);
    expect(await inspectSessions(app)).toEqual([]);
  });
});
