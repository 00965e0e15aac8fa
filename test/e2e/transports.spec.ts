import { once } from 'node:events';
import {
  Catch,
  Controller,
  Get,
  UseFilters,
  type ArgumentsHost,
  type ExceptionFilter,
  type HttpException,
  type INestApplication,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { IoAdapter } from '@nestjs/platform-socket.io';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
} from '@nestjs/websockets';
import { firstValueFrom, throwError, type Observable } from 'rxjs';
import { io } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  CurrentSession,
  InvalidClaimsException,
  SessionInputException,
  SessionService,
  SessionEventBus,
  SessionStoreUnavailableException,
  TryRefreshTokenException,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { freePort } from '../support/free-port.js';
import { QueryCounter } from '../support/query-counter.js';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';

const ERRORS = {
  unauthorised: () => new UnauthorizedSessionException(),
  'try-refresh': () => new TryRefreshTokenException(),
  claims: () => new InvalidClaimsException([{ id: 'age', reason: 'too young' }]),
  input: () => new SessionInputException('userId', 'must be a text'),
  unavailable: () => new SessionStoreUnavailableException(),
};
type ErrorName = keyof typeof ERRORS;

const FORMS: [ErrorName, object][] = [
  ['unauthorised', { statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' }],
  ['try-refresh', { statusCode: 401, code: 'TRY_REFRESH_TOKEN', message: 'try refresh token' }],
  [
    'claims',
    {
      statusCode: 403,
      code: 'INVALID_CLAIMS',
      message: 'invalid claim',
      claimValidationErrors: [{ id: 'age', reason: 'too young' }],
    },
  ],
  ['input', { statusCode: 400, code: 'SESSION_INPUT', message: 'userId must be a text' }],
  [
    'unavailable',
    {
      statusCode: 503,
      code: 'SESSION_STORE_UNAVAILABLE',
      message: 'session store unavailable',
    },
  ],
];

@Controller()
class VerifyingController {
  constructor(private readonly sessions: SessionService) {}

  @MessagePattern('verify')
  async verify(@Payload() token: string): Promise<object> {
    const session = await this.sessions.getSessionWithoutRequestResponse(token);
    return { userId: session?.getUserId() };
  }

  @MessagePattern('throw')
  throw(@Payload() name: ErrorName): void {
    throw ERRORS[name]();
  }

  @MessagePattern('stream')
  stream(@Payload() name: ErrorName): unknown {
    return throwError(ERRORS[name]);
  }

  @EventPattern('told')
  told(@Payload() name: ErrorName): void {
    throw ERRORS[name]();
  }

  @MessagePattern('guarded')
  @VerifySession()
  guarded(): string {
    return 'secret';
  }

  @Get('http')
  http(): never {
    throw ERRORS.claims();
  }
}

@Catch()
class MessageFilter implements ExceptionFilter {
  catch(error: HttpException): Observable<never> {
    return throwError(() => ({ own: error.getStatus() }));
  }
}

@Catch()
class EnvelopeFilter implements ExceptionFilter {
  catch(error: HttpException, host: ArgumentsHost): unknown {
    const response = host.switchToHttp().getResponse<{ status?: unknown; code?: unknown }>();
    const setStatus = (response.code ?? response.status) as (status: number) => {
      send(body: object): void;
    };
    setStatus.call(response, error.getStatus()).send({ envelope: true });
    return undefined;
  }
}

@Catch()
class AsyncEnvelopeFilter extends EnvelopeFilter {
  override async catch(error: HttpException, host: ArgumentsHost): Promise<unknown> {
    await Promise.resolve();
    return super.catch(error, host);
  }
}

@Catch()
class StreamFilter extends EnvelopeFilter {
  override catch(error: HttpException, host: ArgumentsHost): unknown {
    if (host.getType() !== 'rpc') return super.catch(error, host);
    return throwError(() => ({ own: error.getStatus() }));
  }
}

@Catch()
class AsyncStreamFilter extends StreamFilter {
  override async catch(error: HttpException, host: ArgumentsHost): Promise<unknown> {
    await Promise.resolve();
    return super.catch(error, host);
  }
}

@Catch()
class RethrowingFilter extends EnvelopeFilter {
  override async catch(error: HttpException, host: ArgumentsHost): Promise<unknown> {
    await Promise.resolve();
    if (host.getType() === 'rpc') throw error;
    return super.catch(error, host);
  }
}

@Catch()
class FailingFilter extends EnvelopeFilter {
  override catch(error: HttpException, host: ArgumentsHost): unknown {
    if (host.getType() === 'rpc') throw new Error('no place to write to');
    return super.catch(error, host);
  }
}

@Controller()
@UseFilters(MessageFilter)
class FilteredController {
  @MessagePattern('filtered-class')
  byClass(): never {
    throw ERRORS.unauthorised();
  }

  @MessagePattern('filtered')
  @UseFilters(new MessageFilter())
  byHandler(): never {
    throw ERRORS.unauthorised();
  }
}

@WebSocketGateway({ cors: true })
class Gateway implements OnGatewayConnection {
  reached = 0;

  // Sockets of `ws` do not keep the request that they were opened by; those of Socket.IO do.
  handleConnection(client: { request?: unknown }, request?: unknown): void {
    client.request ??= request;
  }

  @SubscribeMessage('throw')
  throw(@MessageBody() name: ErrorName): never {
    throw ERRORS[name]();
  }

  @SubscribeMessage('stream')
  stream(@MessageBody() name: ErrorName): unknown {
    return throwError(ERRORS[name]);
  }

  @SubscribeMessage('who')
  @VerifySession()
  who(@CurrentSession() session: SessionContainer): object {
    this.reached += 1;
    return { event: 'you', data: session.getUserId() };
  }

  @SubscribeMessage('maybe')
  @VerifySession({ sessionRequired: false })
  maybe(@CurrentSession() session?: SessionContainer): object {
    return { event: 'you', data: session?.getUserId() ?? null };
  }

  @SubscribeMessage('admin')
  @VerifySession({ roles: ['admin'] })
  admin(): object {
    this.reached += 1;
    return { event: 'you', data: 'secret' };
  }
}

describe.each(platforms)('a message over TCP to a hybrid application on %s', (platform) => {
  let scene: Scene;
  let client: ClientProxy;
  beforeAll(async () => {
    const options = { host: '127.0.0.1', port: await freePort() };
    scene = await Scene.open({
      platform,
      controllers: [VerifyingController],
      prepare: async (app) => {
        const tcp = { transport: Transport.TCP, options } as const;
        app.connectMicroservice(tcp, { inheritAppConfig: true });
        await app.startAllMicroservices();
      },
    });
    client = ClientProxyFactory.create({ transport: Transport.TCP, options });
  });
  afterAll(async () => {
    await client.close();
    await scene.close();
  });

  const ask = (pattern: string, data: unknown): Promise<unknown> =>
    firstValueFrom(client.send<unknown>(pattern, data)).then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    );

  it('whose handler verifies a token is answered where the token is good', async () => {
    const { access } = await scene.login('u1');
    expect(await ask('verify', access)).toEqual({ answer: { userId: 'u1' } });
  });

  it('V19: gets an error where the token that its handler verifies is bad', async () => {
    expect(await ask('verify', 'garbage')).toEqual({
      error: {
        status: 'error',
        statusCode: 401,
        code: 'UNAUTHORISED',
        message: 'unauthorised',
      },
    });
  });

  it.each(FORMS)('gets what its handler throws as an error: %s', async (name, body) => {
    expect(await ask('throw', name)).toEqual({ error: { status: 'error', ...body } });
    expect(await ask('stream', name)).toEqual({ error: { status: 'error', ...body } });
  });

  it('reaches no handler that asks for a session, as it shows none', async () => {
    expect(await ask('guarded', {})).toHaveProperty('error');
  });

  it('that is an event leaves the application alive, and is told of once', async () => {
    const refused: string[] = [];
    scene.booted.app.get(SessionEventBus).on('refused', ({ at }) => void refused.push(at));
    client.emit('told', 'claims');
    expect(await ask('throw', 'claims')).toHaveProperty('error');
    expect(refused.every((at) => at === 'handler')).toBe(true);
  });

  const whole = { status: 'error', statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' };
  it.each([
    ['no filter', undefined, whole],
    ['a filter for HTTP', EnvelopeFilter, whole],
    ['an async filter for HTTP', AsyncEnvelopeFilter, whole],
    ['an async filter that throws the error again', RethrowingFilter, whole],
    ['a filter that fails', FailingFilter, whole],
    ['a filter for messages', StreamFilter, { own: 401 }],
    ['an async filter for messages', AsyncStreamFilter, { own: 401 }],
  ])(
    'gets its error, or that of a filter, with and without `inheritAppConfig`: %s',
    async (_, filter, error) => {
      const inherits = { host: '127.0.0.1', port: await freePort() };
      const options = { host: '127.0.0.1', port: await freePort() };
      const other = await Scene.open({
        platform,
        controllers: [VerifyingController, FilteredController],
        providers: filter === undefined ? [] : [{ provide: APP_FILTER, useClass: filter }],
        prepare: async (app) => {
          app.connectMicroservice({ transport: Transport.TCP, options });
          const tcp = { transport: Transport.TCP, options: inherits } as const;
          app.connectMicroservice(tcp, { inheritAppConfig: true });
          await app.startAllMicroservices();
        },
      });
      for (const reached of [options, inherits]) {
        const stranger = ClientProxyFactory.create({ transport: Transport.TCP, options: reached });
        const refused = (pattern: string, data: unknown): Promise<unknown> =>
          firstValueFrom(stranger.send<unknown>(pattern, data)).then(
            (answer) => ({ answer }),
            (refusal: unknown) => refusal,
          );
        expect(await refused('verify', 'garbage')).toEqual(error);
        expect(await refused('stream', 'unauthorised')).toEqual(error);
        expect(await refused('filtered', {})).toEqual({ own: 401 });
        expect(await refused('filtered-class', {})).toEqual({ own: 401 });
        await stranger.close();
      }
      const stranger = ClientProxyFactory.create({ transport: Transport.TCP, options });
      await expect(firstValueFrom(stranger.send('guarded', {}))).rejects.toHaveProperty('status');
      await stranger.close();
      expect((await other.get('/http')).status).toBe(403);
      await other.close();
    },
  );

  it('does not change how HTTP is answered', async () => {
    const answer = await scene.get('/http');
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({ code: 'INVALID_CLAIMS' });
  });
});

interface Client {
  readonly closed: Promise<unknown>;
  ask(event: string, data?: unknown): Promise<[event: string, data: unknown]>;
  close(): void;
}

async function openWs(scene: Scene, headers: Headers): Promise<Client> {
  const socket = new WebSocket(scene.booted.url.replace('http', 'ws'), {
    headers: { host: HOST, ...headers },
  });
  await once(socket, 'open');
  return {
    closed: once(socket, 'close'),
    ask: async (event, data) => {
      socket.send(JSON.stringify({ event, data }));
      const [message] = (await once(socket, 'message')) as [Buffer];
      const answer = JSON.parse(message.toString()) as { event: string; data: unknown };
      return [answer.event, answer.data];
    },
    close: () => socket.close(),
  };
}

async function openSocketIo(scene: Scene, headers: Headers): Promise<Client> {
  const socket = io(scene.booted.url, { extraHeaders: { host: HOST, ...headers }, forceNew: true });
  await new Promise((resolve, reject) => {
    socket.on('connect', () => resolve(undefined));
    socket.on('connect_error', reject);
  });
  return {
    closed: new Promise((resolve) => socket.on('disconnect', resolve)),
    ask: (event, data) =>
      new Promise((resolve) => {
        socket.onAny((name: string, answer: unknown) => {
          socket.offAny();
          resolve([name, answer]);
        });
        socket.emit(event, data);
      }),
    close: () => socket.close(),
  };
}

describe.each(
  platforms.flatMap((platform) => [
    [
      'ws',
      platform,
      openWs,
      (app: INestApplication) => app.useWebSocketAdapter(new WsAdapter(app)),
    ] as const,
    [
      'Socket.IO',
      platform,
      openSocketIo,
      (app: INestApplication) => app.useWebSocketAdapter(new IoAdapter(app)),
    ] as const,
  ]),
)('a message to a gateway by %s on %s', (_, platform, open, prepare) => {
  const queries = new QueryCounter();
  let scene: Scene;
  const clients: Client[] = [];
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      providers: [Gateway],
      prepare: (app) => void prepare(app),
      database: { type: 'better-sqlite3', database: ':memory:', logging: true, logger: queries },
    });
  });
  afterEach(() => clients.splice(0).forEach((each) => each.close()));
  afterAll(() => scene.close());

  const connect = async (headers: Headers): Promise<Client> => {
    const client = await open(scene, headers);
    clients.push(client);
    return client;
  };
  const refused = (statusCode: number, code: string) => [
    'exception',
    expect.objectContaining({ status: 'error', statusCode, code }) as unknown,
  ];

  it.each(FORMS)('gets what its handler throws as an exception: %s', async (name, body) => {
    const client = await connect({});
    expect(await client.ask('throw', name)).toEqual(['exception', { status: 'error', ...body }]);
    expect(await client.ask('stream', name)).toEqual(['exception', { status: 'error', ...body }]);
  });

  it('has the session of the handshake', async () => {
    const { access } = await scene.login('u1');
    const client = await connect(accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'u1']);
    expect(await client.ask('maybe')).toEqual(['you', 'u1']);
    expect(await client.ask('admin')).toEqual(refused(403, 'INVALID_CLAIMS'));
  });

  it('is refused where the handshake shows no session, and one is asked for', async () => {
    const client = await connect({});
    expect(await client.ask('who')).toEqual(refused(401, 'UNAUTHORISED'));
    expect(await client.ask('maybe')).toEqual(['you', null]);
  });

  it('V18: is judged anew each time, without a read, and its socket ends with its session', async () => {
    const { access, handle } = await scene.login('u2');
    const client = await connect(accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'u2']);
    await scene.settle();
    queries.reset();
    expect(await client.ask('who')).toEqual(['you', 'u2']);
    expect(queries.all).toEqual([]);
    await scene.booted.app.get(SessionService).revokeSession(handle);
    await client.closed;
  });

  it('goes on after its access token, as long as its session lives', async () => {
    const { access } = await scene.login('u3');
    const client = await connect(accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'u3']);
    await scene.advance(3_600_000);
    expect(await client.ask('who')).toEqual(['you', 'u3']);
  });

  it('is refused where the page of another origin has opened the socket', async () => {
    const { access } = await scene.login('u4');
    const client = await connect({
      ...accessCookie(access),
      origin: 'https://evil.example',
    });
    expect(await client.ask('who')).toEqual(refused(403, 'CROSS_SITE_REQUEST'));
  });
});
