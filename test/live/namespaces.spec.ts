import type { Type } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Manager, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  allowSocketIo,
  CurrentSession,
  PublicAccess,
  RequireFresh,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { Answers, Pongs } from '../support/gateway-handlers.js';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';
import { IoTestClient } from '../support/socket-clients.js';

@WebSocketGateway()
@PublicAccess()
class OpenGateway extends Pongs {}

@WebSocketGateway({ namespace: /^\/room-\d+$/ })
@PublicAccess()
class OpenRooms extends Pongs {}

@WebSocketGateway({ namespace: /^\/team-\d+$/ })
@VerifySession()
class Teams {
  @SubscribeMessage('who')
  who(@CurrentSession() session: SessionContainer): object {
    return { event: 'you', data: session.getUserId() };
  }
}

describe('a namespace of Socket.IO by a pattern', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      providers: [OpenGateway, OpenRooms, Teams],
      prepare: (app) => void app.useWebSocketAdapter(new IoAdapter(app)),
    });
  });
  afterAll(() => scene.close());

  it('asks for a session where its gateway does, whatever is open beside it', async () => {
    await expect(IoTestClient.open(scene.booted.url, 'team-1', {})).rejects.toMatchObject({
      data: { code: 'UNAUTHORISED' },
    });
    const { access, handle } = await scene.login('bob');
    const client = await IoTestClient.open(scene.booted.url, 'team-1', accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    await scene.booted.app.get(SessionService).revokeSession(handle);
    expect(await client.closed).toEqual(['io server disconnect', { code: 'UNAUTHORISED' }]);
  });

  it.each(['', 'room-7'])('is open where its gateway is: /%s', async (place) => {
    const client = await IoTestClient.open(scene.booted.url, place, {});
    expect(await client.ask('ping')).toEqual(['pong', 'open']);
    client.close();
  });
});

@WebSocketGateway({ namespace: 'first' })
@VerifySession()
class FirstNamespace extends Answers {}

@WebSocketGateway({ namespace: 'second' })
@VerifySession()
class SecondNamespace extends Answers {}

@WebSocketGateway({ namespace: 'fresh' })
@RequireFresh('10m')
class FreshNamespace extends Answers {}

const allowRequest = allowSocketIo(undefined, { required: false });

@WebSocketGateway({ namespace: 'first', allowRequest })
@VerifySession()
class FirstOfGuests extends Answers {}

@WebSocketGateway({ namespace: 'second', allowRequest })
@VerifySession()
class SecondOfGuests extends Answers {}

describe('a namespace that a client joins when its access token is long over', () => {
  let scene: Scene;
  let manager: Manager;
  const start = async (...gateways: Type[]) => {
    scene = await Scene.open({
      providers: gateways,
      prepare: (app) => void app.useWebSocketAdapter(new IoAdapter(app)),
    });
  };
  afterEach(async () => {
    manager.engine.close();
    await scene.close();
  });

  const connect = (headers: Headers): void => {
    manager = new Manager(scene.booted.url, {
      extraHeaders: { host: HOST, ...headers },
      reconnection: false,
    });
  };
  const join = (namespace: string, auth: object = {}): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = manager.socket(`/${namespace}`, { auth });
      socket.on('connect', () => resolve(socket));
      socket.on('connect_error', reject);
    });
  const ask = (socket: Socket): Promise<unknown> =>
    new Promise((resolve) => {
      socket.onAny((event, data) => resolve([event, data]));
      socket.emit('who');
    });

  it('is open to the session that holds another one of its connection, by what it asks itself', async () => {
    await start(FirstNamespace, SecondNamespace, FreshNamespace);
    const { access, handle } = await scene.login('bob');
    connect(accessCookie(access));
    await join('first');
    await scene.advance(2 * 3_600_000);
    const second = await join('second');
    expect(await ask(second)).toEqual(['you', 'bob']);
    await expect(join('fresh')).rejects.toMatchObject({ data: { code: 'INVALID_CLAIMS' } });
    const ended = new Promise((resolve) => second.on('session-ended', resolve));
    await scene.booted.app.get(SessionService).revokeSession(handle);
    expect(await ended).toEqual({ code: 'UNAUTHORISED' });
  });

  it('is closed to a session that was shown for another one alone', async () => {
    await start(FirstNamespace, SecondNamespace);
    const bob = await scene.login('bob');
    const ann = await scene.login('ann');
    connect(accessCookie(ann.access));
    const first = await join('first', { token: bob.access });
    expect(await ask(first)).toEqual(['you', 'bob']);
    await scene.advance(2 * 3_600_000);
    await expect(join('second')).rejects.toMatchObject({ data: { code: 'TRY_REFRESH_TOKEN' } });
  });

  it('has that session where guests may come in, too', async () => {
    await start(FirstOfGuests, SecondOfGuests);
    const { access } = await scene.login('bob');
    connect(accessCookie(access));
    await join('first');
    await scene.advance(2 * 3_600_000);
    expect(await ask(await join('second'))).toEqual(['you', 'bob']);
  });
});
