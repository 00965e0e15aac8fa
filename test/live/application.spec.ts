import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  VerifySession,
  verifyWsClient,
  type SessionContainer,
} from '../../lib/index.js';
import { freePort } from '../support/free-port.js';
import { LogRecorder } from '../support/log-recorder.js';
import { accessCookie, Scene } from '../support/scene.js';
import { WsTestClient } from '../support/socket-clients.js';

class Who {
  @SubscribeMessage('who')
  who(@CurrentSession() session: SessionContainer): object {
    return { event: 'you', data: session.getUserId() };
  }
}

const guarded = { path: '/guarded', verifyClient: verifyWsClient() };

@WebSocketGateway(guarded)
@VerifySession()
class Gateway extends Who {}

const port = await freePort();

@WebSocketGateway(port, guarded)
@VerifySession()
class GatewayOfItsOwnPort extends Who {}

const scenes: Scene[] = [];
afterEach(async () => {
  await Promise.all(scenes.splice(0).map((scene) => scene.close()));
});

async function start(gateway: new () => Who): Promise<Scene> {
  const prepare = (app: INestApplication): void => void app.useWebSocketAdapter(new WsAdapter(app));
  const scene = await Scene.open({ providers: [gateway], prepare });
  scenes.push(scene);
  return scene;
}

describe('a gateway whose `verifyClient` is made before its application', () => {
  it('asks the application whose server got the handshake', async () => {
    const [one, other] = [await start(Gateway), await start(Gateway)];
    const { access } = await one.login('bob');
    const client = await WsTestClient.open(one.booted.url, 'guarded', accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    client.close();
    await expect(
      WsTestClient.open(other.booted.url, 'guarded', accessCookie(access)),
    ).rejects.toMatchObject({ status: 401 });
  });

  it('lets nobody in where several applications could be meant, and the log says what to give', async () => {
    const scene = await start(GatewayOfItsOwnPort);
    await start(Gateway);
    const { access } = await scene.login('bob');
    const log = new LogRecorder();
    log.record(scene.booted.app);
    await expect(
      WsTestClient.open(`http://127.0.0.1:${port}`, 'guarded', accessCookie(access)),
    ).rejects.toMatchObject({ status: 500 });
    expect(log.texts('error').join('\n')).toContain('give verifyWsClient');
  });
});
