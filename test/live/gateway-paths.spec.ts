import { once } from 'node:events';
import { request as openRequest, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { PublicAccess, UserRoleClaim, VerifySession, verifyWsClient } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { Answers, Pongs } from '../support/gateway-handlers.js';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';
import { WsTestClient } from '../support/socket-clients.js';

const roleClaim = new UserRoleClaim({
  fetchValue: ({ userId }) => (userId === 'admin' ? ['admin'] : []),
});
const verifyClient = verifyWsClient();

@WebSocketGateway({ path: '/admin', verifyClient })
@VerifySession({ roles: ['admin'] })
class AdminGateway extends Answers {}

@WebSocketGateway({ path: 'staff//rooms/', verifyClient })
@VerifySession({ roles: ['admin'] })
class StaffGateway extends Answers {}

@WebSocketGateway({ path: '/open/', verifyClient })
@PublicAccess()
class OpenGateway extends Pongs {}

@WebSocketGateway({ path: 'news//today', verifyClient })
@PublicAccess()
class NewsGateway extends Pongs {}

/** An upgrade whose target is sent as it stands. @returns 101, or the status of the refusal */
async function upgrade(base: string, target: string, headers: Headers): Promise<number> {
  const { port } = new URL(base);
  const sent = openRequest({
    host: '127.0.0.1',
    port,
    path: target,
    headers: {
      host: HOST,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  }).end();
  const [answer] = (await Promise.race([
    once(sent, 'response'),
    once(sent, 'upgrade'),
  ])) as unknown as [IncomingMessage];
  answer.socket.destroy();
  return answer.statusCode ?? 0;
}

describe.each(platforms)('the path of a gateway of ws on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      providers: [AdminGateway, StaffGateway, OpenGateway, NewsGateway],
      sessions: { claims: [roleClaim] },
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
  });
  afterAll(() => scene.close());

  it.each([
    '/admin',
    '/admin?x=1',
    '/admin#a',
    '/x/../admin',
    '/./admin',
    '/%2e/admin',
    '/x/%2E%2e/admin',
    '/\\admin/../../admin',
    'ws://elsewhere.example/admin',
    'http://elsewhere.example/x/../admin',
    '/staff/rooms',
    '/x/../staff/rooms',
  ])('asks for the roles of its gateway, however a client writes it: %s', async (target) => {
    const [user, admin] = [await scene.login('user'), await scene.login('admin')];
    expect(await upgrade(scene.booted.url, target, accessCookie(user.access))).toBe(403);
    expect(await upgrade(scene.booted.url, target, accessCookie(admin.access))).toBe(101);
  });

  it.each(['open', 'news/today'])('is open, however its gateway writes it: %s', async (path) => {
    const client = await WsTestClient.open(scene.booted.url, path, {});
    expect(await client.ask('ping')).toEqual(['pong', 'open']);
    client.close();
  });
});

/** An adapter that chooses the server in its own way. */
class ByHeader extends WsAdapter {
  constructor(private readonly app: INestApplication) {
    super(app);
  }
  override create(_port: number, options: { path?: string; verifyClient?: never } = {}): unknown {
    const { path, verifyClient: verify } = options;
    const server = new WebSocketServer({ noServer: true, verifyClient: verify });
    const http = this.app.getHttpServer() as Server;
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.headers['x-gateway'] !== path) return;
      server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request));
    });
    return server;
  }
}

describe('an adapter that chooses a server by something else than the path', () => {
  let scene: Scene;
  afterEach(() => scene.close());

  it('opens no socket that its gateway would refuse', async () => {
    scene = await Scene.open({
      providers: [AdminGateway, OpenGateway],
      sessions: { claims: [roleClaim] },
      prepare: (app) => void app.useWebSocketAdapter(new ByHeader(app)),
    });
    const connect = async (userId: string, path: string): Promise<WsTestClient> => {
      const { access } = await scene.login(userId);
      const headers = { ...accessCookie(access), 'x-gateway': '/admin' };
      return WsTestClient.open(scene.booted.url, path, headers);
    };
    for (const path of ['', 'open/', 'elsewhere']) {
      expect(await (await connect('user', path)).closed).toEqual([4403, 'INVALID_CLAIMS']);
    }
    const admin = await connect('admin', '');
    expect(await admin.ask('who')).toEqual(['you', 'admin']);
    admin.close();
  });
});
