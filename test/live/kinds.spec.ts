import { Controller, Post, type INestApplication } from '@nestjs/common';
import { Query, Resolver, Subscription } from '@nestjs/graphql';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createClient } from 'graphql-ws';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  allowSocketIo,
  CreateSession,
  CurrentSession,
  getSessionsToken,
  SessionModule,
  sessionSubscriptions,
  VerifySession,
  verifyWsClient,
  type SessionContainer,
  type SessionService,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { Pongs } from '../support/gateway-handlers.js';
import { apolloWithSubscriptions, graphQlServers } from '../support/graphql-servers.js';
import { LogRecorder } from '../support/log-recorder.js';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';
import { IoTestClient, WsTestClient, type SocketTestClient } from '../support/socket-clients.js';

@Controller()
class StaffController {
  @Post('staff-login')
  @CreateSession({ kind: 'staff' })
  login(): string {
    return 'sam';
  }
}

class Desk {
  @SubscribeMessage('who')
  who(@CurrentSession() session: SessionContainer): object {
    return { event: 'you', data: session.getUserId() };
  }
}

@WebSocketGateway({ path: '/desk' })
@VerifySession({ kind: 'staff' })
class DeskGateway extends Desk {}

@WebSocketGateway({ namespace: 'desk' })
@VerifySession({ kind: 'staff' })
class DeskNamespace extends Desk {}

class StaffWsAdapter extends WsAdapter {
  constructor(private readonly context: INestApplication) {
    super(context);
  }
  override create(port: number, options: Record<string, unknown> = {}): unknown {
    const verifyClient = verifyWsClient(this.context, { kind: 'staff' });
    return super.create(port, { ...options, verifyClient }) as unknown;
  }
}

class StaffIoAdapter extends IoAdapter {
  constructor(private readonly context: INestApplication) {
    super(context);
  }
  override createIOServer(port: number, options: object = {}) {
    const allowRequest = allowSocketIo(this.context, { kind: 'staff' });
    return super.createIOServer(port, { ...options, allowRequest } as never);
  }
}

const SOCKETS = {
  ws: {
    gateway: DeskGateway,
    open: (base: string, headers: Headers): Promise<SocketTestClient> =>
      WsTestClient.open(base, 'desk', headers),
    adapter: (app: INestApplication) => new StaffWsAdapter(app),
    bareAdapter: (app: INestApplication) => new WsAdapter(app),
    ended: [4401, 'UNAUTHORISED'] as unknown,
  },
  'Socket.IO': {
    gateway: DeskNamespace,
    open: (base: string, headers: Headers): Promise<SocketTestClient> =>
      IoTestClient.open(base, 'desk', headers),
    adapter: (app: INestApplication) => new StaffIoAdapter(app),
    bareAdapter: (app: INestApplication) => new IoAdapter(app),
    ended: ['io server disconnect', { code: 'UNAUTHORISED' }] as unknown,
  },
} as const;

const CELLS = (Object.keys(SOCKETS) as (keyof typeof SOCKETS)[]).flatMap((socket) =>
  platforms.map((platform) => [socket, platform] as const),
);

describe.each(CELLS)('a gateway of the staff, by %s on %s', (socket, platform) => {
  const { gateway, open, adapter, bareAdapter, ended } = SOCKETS[socket];
  let scene: Scene;

  async function openScene(by: (app: INestApplication) => WsAdapter | IoAdapter): Promise<string> {
    scene = await Scene.open({
      platform,
      imports: [SessionModule.forRoot({ kind: 'staff' })],
      controllers: [StaffController],
      providers: [gateway],
      prepare: (app) => void app.useWebSocketAdapter(by(app)),
    });
    const login = await scene.post('/staff-login', { 'st-auth-mode': 'header' });
    return String(login.headers['st-access-token']);
  }
  afterEach(() => scene.close());

  it.each([
    ['with a check before the upgrade', adapter],
    ['without one', bareAdapter],
  ] as const)('%s: admits the staff, and is closed with their session', async (_, makeAdapter) => {
    const token = await openScene(makeAdapter);
    const { url, app } = scene.booted;
    const client = await open(url, { authorization: `Bearer ${token}` });
    expect(await client.ask('who')).toEqual(['you', 'sam']);
    const staff = app.get<SessionService>(getSessionsToken('staff'));
    await staff.revokeAllSessionsForUser('sam');
    expect(await client.closed).toEqual(ended);
  });

  it('M6: refuses a customer before the upgrade', async () => {
    await openScene(adapter);
    const { access } = await scene.login('sam');
    const headers = [accessCookie(access), { authorization: `Bearer ${access}` }];
    for (const each of headers) {
      await expect(open(scene.booted.url, each)).rejects.toBeInstanceOf(Error);
    }
  });
});

@WebSocketGateway({ namespace: 'shop' })
@VerifySession()
class ShopNamespace extends Desk {}

describe.each([
  ['without `allowRequest`', (app: INestApplication) => new IoAdapter(app), ['you', 'carol']],
  ['with that of the staff', (app: INestApplication) => new StaffIoAdapter(app), 'refused'],
])('a server of Socket.IO for two kinds, %s', (_, adapter, answer) => {
  let scene: Scene;
  afterEach(() => scene.close());

  it(`answers a customer with a bearer token: ${String(answer)}`, async () => {
    scene = await Scene.open({
      imports: [SessionModule.forRoot({ kind: 'staff' })],
      controllers: [StaffController],
      providers: [ShopNamespace, DeskNamespace],
      prepare: (app) => void app.useWebSocketAdapter(adapter(app)),
    });
    const login = await scene.post('/staff-login', { 'st-auth-mode': 'header' });
    const staff = { authorization: `Bearer ${String(login.headers['st-access-token'])}` };
    const customer = { authorization: `Bearer ${(await scene.login('carol')).access}` };
    const { url } = scene.booted;
    const desk = await IoTestClient.open(url, 'desk', staff);
    expect(await desk.ask('who')).toEqual(['you', 'sam']);
    await expect(IoTestClient.open(url, 'desk', customer)).rejects.toBeInstanceOf(Error);
    await expect(IoTestClient.open(url, 'shop', staff)).rejects.toBeInstanceOf(Error);
    const shop = IoTestClient.open(url, 'shop', customer).then((client) => client.ask('who'));
    expect(await shop.catch(() => 'refused')).toEqual(answer);
  });
});

/** Nearly the kind of the staff. */
const MISSPELT = { kind: 'staf' };

@WebSocketGateway({ path: '/open', verifyClient: verifyWsClient(undefined, MISSPELT) })
class UndecoratedWsGateway extends Pongs {}

@WebSocketGateway({ allowRequest: allowSocketIo(undefined, MISSPELT) })
class UndecoratedIoGateway extends Pongs {}

@Resolver()
class UndecoratedResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Subscription(() => Number)
  async *numbers() {
    yield { numbers: 1 };
  }
}

const mercurius = graphQlServers.find(({ server }) => server === 'Mercurius');

describe('an entrance for a kind of sessions that no module has', () => {
  let scene: Scene;
  const log = new LogRecorder();
  afterEach(() => scene.close());

  async function start(options: Parameters<typeof Scene.open>[0]): Promise<Headers> {
    log.clear();
    scene = await Scene.open({
      ...options,
      imports: [SessionModule.forRoot({ kind: 'staff' }), ...(options?.imports ?? [])],
      prepare: (app) => {
        log.record(app);
        return options?.prepare?.(app);
      },
    });
    return accessCookie((await scene.login('sam')).access);
  }
  const toldOfKind = () => log.texts('error').filter((text) => text.includes("'staf'"));

  it('admits no customer at a gateway of `ws`, and the log names the kind, once', async () => {
    const cookie = await start({
      providers: [UndecoratedWsGateway],
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    for (const headers of [cookie, cookie]) {
      const opening = WsTestClient.open(scene.booted.url, 'open', headers);
      await expect(opening).rejects.toMatchObject({ status: 500 });
    }
    expect(toldOfKind()).toHaveLength(1);
  });

  it('admits none at a gateway of Socket.IO', async () => {
    const cookie = await start({
      providers: [UndecoratedIoGateway],
      prepare: (app) => void app.useWebSocketAdapter(new IoAdapter(app)),
    });
    const opening = IoTestClient.open(scene.booted.url, '', cookie);
    await expect(opening).rejects.toBeInstanceOf(Error);
    expect(toldOfKind()).toHaveLength(1);
  });

  it.each([
    ['Apollo', 'express', apolloWithSubscriptions(() => sessionSubscriptions(undefined, MISSPELT))],
    [
      'Mercurius',
      'fastify',
      mercurius?.graphQl({
        subscription: {
          ...sessionSubscriptions(undefined, { ...MISSPELT, server: 'mercurius' }),
          fullWsTransport: true,
        },
      }),
    ],
  ] as const)('runs no subscription of %s for a customer', async (_, platform, graphQl) => {
    const cookie = await start({
      platform,
      imports: [graphQl as NonNullable<typeof graphQl>],
      providers: [UndecoratedResolver],
    });
    const headers = { host: HOST, ...cookie };
    class Socket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { headers });
      }
    }
    const url = `${scene.booted.url.replace('http', 'ws')}/graphql`;
    const client = createClient({ url, webSocketImpl: Socket, retryAttempts: 0 });
    const events: unknown[] = [];
    await new Promise<void>((resolve) => {
      const sink = { next: (event: unknown) => void events.push(event), error: resolve };
      client.subscribe({ query: 'subscription { numbers }' }, { ...sink, complete: resolve });
    });
    await client.dispose();
    expect(events).toEqual([]);
    expect(toldOfKind()).toHaveLength(1);
  });
});

it.each([
  ['verifyWsClient', verifyWsClient],
  ['allowSocketIo', allowSocketIo],
  ['sessionSubscriptions', sessionSubscriptions],
] as const)('%s refuses at once what can be no kind', (_, entrance) => {
  expect(() => entrance(undefined, { kind: '' })).toThrow('kind must be a name');
});
