import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  PublicAccess,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { Pongs } from '../support/gateway-handlers.js';
import { accessCookie, Scene } from '../support/scene.js';
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
