import { Controller, Post, type INestApplication } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from 'vitest';
import {
  allowSocketIo,
  CreateSession,
  CurrentSession,
  getSessionsToken,
  SessionModule,
  VerifySession,
  verifyWsClient,
  type SessionContainer,
  type SessionService,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { accessCookie, Scene, type Headers } from '../support/scene.js';
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
