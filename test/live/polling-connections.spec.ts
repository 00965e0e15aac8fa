import { once } from 'node:events';
import { Agent, request as openRequest, type IncomingMessage, type Server } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  allowSocketIo,
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { PendingConnections } from '../../lib/live/pending-connections.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { accessCookie, HOST, Scene, type Headers, type Holder } from '../support/scene.js';
import { IoTestClient } from '../support/socket-clients.js';

const PENDING = 3;
const joined: Socket[] = [];
const signals: AbortSignal[] = [];

@WebSocketGateway({ allowRequest: allowSocketIo() })
@VerifySession()
class Gateway {
  handleConnection(client: Socket): void {
    joined.push(client);
  }

  @SubscribeMessage('begin')
  begin(@CurrentSession() session: SessionContainer): object {
    signals.push(session.ended);
    return { event: 'begun', data: true };
  }
}

describe('a connection of Socket.IO that begins with a request', () => {
  let scene: Scene;
  let agent: Agent;
  const connections: NetSocket[] = [];
  beforeEach(async () => {
    agent = new Agent({ keepAlive: true });
    scene = await Scene.open({
      providers: [Gateway],
      sessions: { live: { pending: PENDING, until: 'token' } },
      prepare: (app) => {
        app.useWebSocketAdapter(new IoAdapter(app));
        const server = app.getHttpServer() as Server;
        server.on('connection', (each: NetSocket) => connections.push(each));
      },
    });
    for (const list of [joined, signals, connections]) list.length = 0;
  });
  afterEach(async () => {
    vi.useRealTimers();
    agent.destroy();
    await scene.close();
  });
  const waiting = (): number => scene.booted.app.get(PendingConnections).size;

  /** A client that has been upgraded. */
  const connect = async (headers: Headers, auth: object = {}) => {
    const client = await IoTestClient.open(scene.booted.url, '', headers, auth, agent);
    const [socket] = joined as [Socket];
    if (socket.conn.transport.name !== 'websocket') await once(socket.conn, 'upgrade');
    const leaveFirstConnection = async (): Promise<void> => {
      const first = socket.request.socket;
      if (!first.closed) await once(first.destroy(), 'close');
    };
    return { client, socket, leaveFirstConnection };
  };

  /** The answer to a request of a client without a token. */
  const poll = async (query = ''): Promise<string> => {
    const url = `${scene.booted.url}/socket.io/?EIO=4&transport=polling${query}`;
    const sent = openRequest(url, { agent, headers: { host: HOST } }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks = await answer.toArray();
    return answer.statusCode === 200 ? Buffer.concat(chunks as Buffer[]).toString() : 'refused';
  };
  const leave = async (): Promise<void> => {
    const connection = connections.at(-1);
    agent.destroy();
    if (connection?.closed === false) await once(connection, 'close');
  };

  const revoke = ({ handle }: Holder): Promise<unknown> =>
    scene.booted.app.get(SessionService).revokeSession(handle);
  const outliveToken = async (): Promise<void> => {
    const feed = scene.booted.app.get(RevocationFeed) as { task: { runNow(): Promise<void> } };
    scene.booted.clock.advanceMs(3_600_001);
    await feed.task.runNow();
  };

  it.each([
    ['a cookie is revoked', accessCookie, () => ({}), revoke],
    ['`auth` is revoked', () => ({}), (token: string) => ({ token }), revoke],
    ['a cookie outlives its token', accessCookie, () => ({}), outliveToken],
  ])(
    'tells a handler after its first request that a session by %s',
    async (_, headers, auth, end) => {
      const holder = await scene.login('bob');
      const { access } = holder;
      const { client, socket, leaveFirstConnection } = await connect(headers(access), auth(access));
      expect(await client.ask('begin')).toEqual(['begun', true]);
      expect(socket.request.socket.destroyed).toBe(false);
      await leaveFirstConnection();
      await end(holder);
      await client.closed;
      await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true]);
    },
  );

  it('lets go of its session where that is first asked for its end after the first request', async () => {
    const { access } = await scene.login('bob');
    const { client, socket, leaveFirstConnection } = await connect(accessCookie(access));
    await leaveFirstConnection();
    await client.ask('begin');
    const session = await scene.booted.app
      .get(SessionService)
      .getSessionOfHandshake(socket.request);
    expect(session.ended.aborted).toBe(false);
    client.close();
    await expect.poll(() => scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('waits for its token among few, also after its first request', async () => {
    const answers = [];
    for (let count = 0; count <= PENDING; count += 1) {
      answers.push(await poll());
      await leave();
    }
    expect(answers.map((each) => each !== 'refused')).toEqual([true, true, true, false]);
    expect(waiting()).toBe(PENDING);
  });

  it('waits for its token for five seconds, also after its first request', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { sid } = JSON.parse((await poll()).slice(1)) as { sid: string };
    await leave();
    const next = poll(`&sid=${sid}`);
    await expect.poll(() => connections.length).toBe(2);
    vi.advanceTimersByTime(5_000);
    // Engine.IO's packet that closes a connection.
    expect(await next).toMatch(/1$/);
    expect(waiting()).toBe(0);
  });

  it('leaves the connection of a handshake alone that Engine.IO does not take, and waits for nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const url = `${scene.booted.url}/socket.io/?EIO=3&transport=polling`;
    const sent = openRequest(url, { agent, headers: { host: HOST } }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    await answer.toArray();
    expect(answer.statusCode).toBe(400);
    expect(waiting()).toBe(0);
    vi.advanceTimersByTime(5_000);
    expect(connections.map(({ destroyed }) => destroyed)).toEqual([false]);
  });

  it('leaves nothing on the connection of its first request', async () => {
    await poll();
    const [connection] = connections;
    const before = connection?.listenerCount('close');
    await poll();
    await poll();
    expect(connections).toHaveLength(1);
    expect(connection?.listenerCount('close')).toBe(before);
  });
});
