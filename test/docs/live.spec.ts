import type { DynamicModule, INestApplication, Type } from '@nestjs/common';
import { Resolver, Subscription } from '@nestjs/graphql';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { once } from 'node:events';
import { get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createClient } from 'graphql-ws';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  SessionModule,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { actingAs } from '../../lib/testing/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';

interface Exports {
  export(session: SessionContainer, rows: AsyncIterable<string>): Promise<string[]>;
  upload(session: SessionContainer, abort: (reason: string) => void): Disposable;
}

/** Opens a socket, and says how it is told of its end. */
type Open = (url: string, token?: string) => Promise<() => Promise<unknown>>;

const openWs: Open = async (url, token) => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = new WebSocket(url.replace('http', 'ws'), { headers });
  await once(socket, 'open');
  const closed = once(socket, 'close');
  return async () => ((await closed) as [number])[0];
};

const openSocketIo: Open = async (url, token) => {
  const socket = io(url, { auth: { token }, reconnection: false });
  await new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(undefined)).once('connect_error', reject);
  });
  const closed = new Promise((resolve) => socket.once('disconnect', resolve));
  return () => closed;
};

describe('what docs/live.md shows', () => {
  it('compiles', () => {
    const files = new DocFiles('live.md', {});
    files.write();
    try {
      expect(files.problems()).toBe('');
    } finally {
      files.remove();
    }
  });
});

describe.each([
  ['ws', WsAdapter, 'sockets.gateway.ts', 'SocketsGateway', openWs, '401', 4401],
  [
    'Socket.IO',
    IoAdapter,
    'io.gateway.ts',
    'IoGateway',
    openSocketIo,
    'unauthorised',
    'io server disconnect',
  ],
])('what docs/live.md shows, with %s', (_, Adapter, file, name, open, refusal, ending) => {
  const files = new DocFiles('live.md', {});
  let app: INestApplication;
  let sessions: SessionService;
  let exports: Exports;

  beforeAll(async () => {
    files.write();
    const { NewsController } = await files.load<{ NewsController: Type }>('news.controller.ts');
    const { ExportService } = await files.load<{ ExportService: Type<Exports> }>(
      'export.service.ts',
    );
    const { [name]: Gateway } = await files.load<Record<string, Type>>(file);
    if (Gateway === undefined) throw new Error(`docs/live.md has no ${name}`);
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          synchronize: true,
          autoLoadEntities: true,
        }),
        SessionModule.forRoot(),
      ],
      controllers: [NewsController],
      providers: [Gateway, ExportService],
    }).compile();
    app = testing.createNestApplication({ logger: false });
    app.useWebSocketAdapter(new Adapter(app));
    await app.listen(0, '127.0.0.1');
    sessions = app.get(SessionService);
    exports = app.get(ExportService);
  });
  afterAll(async () => {
    await app.close();
    files.remove();
  });

  it('refuses a socket without a session', async () => {
    await expect(open(await app.getUrl())).rejects.toThrow(refusal);
  });

  it('closes a socket whose session ends', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    const closed = await open(await app.getUrl(), session.getAccessToken());
    await session.revokeSession();
    expect(await closed()).toBe(ending);
  });

  it('ends the stream of the example, and tells what the module does not know', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    const headers = { authorization: `Bearer ${session.getAccessToken()}` };
    const stream = await fetch(`${await app.getUrl()}/news`, { headers });
    const reasons: string[] = [];
    exports.upload(session, (reason) => reasons.push(reason));
    const rows = async function* () {
      yield 'one';
      await session.revokeSession();
      await expect.poll(() => session.ended.aborted).toBe(true);
      yield 'two';
    };
    await expect(exports.export(session, rows())).rejects.toMatchObject({ code: 'UNAUTHORISED' });
    expect(reasons).toEqual(['revoked']);
    expect(await stream.text()).toContain('event: session-ended');
  });
});

describe('the upgrade that docs/live.md takes by hand', () => {
  const files = new DocFiles('live.md', {});
  let booted: BootedApp;
  let sessions: SessionService;
  let server: Server;
  beforeAll(async () => {
    files.write();
    const { takeUpgrades } = await files.load<{
      takeUpgrades(server: Server, sessions: SessionService): void;
    }>('upgrades.ts');
    booted = await bootApp();
    const { app } = booted;
    sessions = app.get(SessionService);
    server = app.getHttpServer() as Server;
    takeUpgrades(server, sessions);
  });
  afterAll(async () => {
    await booted.close();
    files.remove();
  });

  function upgrade(headers: Record<string, string>): Promise<[number | undefined, Duplex?]> {
    return new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      const sent = get({ port, headers: { connection: 'upgrade', upgrade: 'echo', ...headers } });
      sent.on('upgrade', (answer, socket) => resolve([answer.statusCode, socket]));
      sent.on('response', (answer) => resolve([answer.resume().statusCode]));
      sent.on('error', reject);
    });
  }

  it('is refused without a session, and to the page of another origin with a cookie', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    expect(await upgrade({})).toEqual([401]);
    const cookie = `__Host-sAccessToken=${session.getAccessToken()}`;
    expect(await upgrade({ cookie, origin: 'https://evil.example' })).toEqual([403]);
  });

  it('opens, and is closed when its session ends', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    const authorization = `Bearer ${session.getAccessToken()}`;
    const [status, socket] = await upgrade({ authorization });
    expect(status).toBe(101);
    const ended = once(socket?.resume() as Duplex, 'end');
    await session.revokeSession();
    await ended;
    socket?.destroy();
  });
});

@Resolver()
class TicksResolver {
  @Subscription(() => Number)
  @VerifySession()
  async *ticks() {
    yield { ticks: 0 };
    await new Promise(() => undefined);
  }
}

describe('a subscription of docs/live.md', () => {
  const files = new DocFiles('live.md', {});
  let booted: BootedApp;

  beforeAll(async () => {
    files.write();
    const { graphQl } = await files.load<{ graphQl: DynamicModule }>('subscriptions.module.ts');
    const { OrdersResolver } = await files.load<{ OrdersResolver: Type }>('orders.resolver.ts');
    booted = await bootApp({
      controllers: [],
      imports: [graphQl],
      providers: [OrdersResolver, TicksResolver],
    });
  });
  afterAll(async () => {
    await booted.close();
    files.remove();
  });

  const subscribe = async (connectionParams: Record<string, string>): Promise<unknown[]> => {
    const client = createClient({
      url: `${booted.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams,
      retryAttempts: 0,
    });
    const got: unknown[] = [];
    for await (const { data } of client.iterate({ query: 'subscription { orders }' }))
      got.push(data?.['orders']);
    await client.dispose();
    return got;
  };

  it('has the session in its handler and in its filter', async () => {
    const ada = await actingAs(booted.app, 'ada');
    expect(await subscribe(ada.headers)).toEqual(['the first one of ada', 'the second one']);
  });

  it('of a lazy client shows its end by `next`', async () => {
    const ada = await actingAs(booted.app, 'ada');
    const closed: unknown[] = [];
    const client = createClient({
      url: `${booted.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: ada.headers,
      on: { closed: (event) => void closed.push((event as { code: number }).code) },
    });
    const got: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      client.subscribe(
        { query: 'subscription { ticks }' },
        {
          next({ data, errors }) {
            got.push(data?.['ticks'] ?? errors?.map(({ message }) => message));
            if (got.length === 1) ada.revoke().catch(reject);
          },
          error: reject,
          complete: resolve,
        },
      );
    });
    // Its own closing, unless the server's comes first.
    await expect.poll(() => closed).toHaveLength(1);
    expect([1000, 4401]).toContain(closed[0]);
    expect(got).toEqual([0, ['unauthorised']]);
  });

  it('is refused without one, by the code after which its client does not connect again', async () => {
    await expect(subscribe({})).rejects.toMatchObject({ code: 4401 });
  });
});
