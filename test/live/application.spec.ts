import {
  Module,
  type INestApplication,
  type INestApplicationContext,
  type INestMicroservice,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { TypeOrmModule } from '@nestjs/typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionModule,
  VerifySession,
  verifyWsClient,
  type SessionContainer,
} from '../../lib/index.js';
import { running } from '../../lib/live/application.js';
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
// Other specs leave applications behind whose start has failed.
beforeEach(() => running.clear());
afterEach(async () => {
  await Promise.all(scenes.splice(0).map((scene) => scene.close()));
});

@Module({
  imports: [
    TypeOrmModule.forRoot({
      name: 'worker',
      type: 'better-sqlite3',
      database: ':memory:',
      synchronize: true,
      autoLoadEntities: true,
    }),
    SessionModule.forRoot({ dataSource: 'worker' }),
  ],
})
class WorkerModule {}

@Module({ imports: [WorkerModule], providers: [GatewayOfItsOwnPort] })
class WorkerWithGatewayModule {}

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

  describe('beside applications without HTTP', () => {
    const workers: INestApplicationContext[] = [];
    afterEach(async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.close()));
    });

    async function startWorkers(): Promise<void> {
      workers.push(await NestFactory.createApplicationContext(WorkerModule, { logger: false }));
      await startMicroservice(WorkerModule);
    }

    async function startMicroservice(
      module: new () => object,
      adapter?: (app: INestMicroservice) => WsAdapter,
    ): Promise<void> {
      const microservice = await NestFactory.createMicroservice<MicroserviceOptions>(module, {
        logger: false,
        transport: Transport.TCP,
        options: { host: '127.0.0.1', port: 0 },
      });
      workers.push(microservice);
      if (adapter !== undefined) microservice.useWebSocketAdapter(adapter(microservice));
      await microservice.listen();
    }

    it.each([
      ['on its server', Gateway, undefined],
      ['on a port of its own', GatewayOfItsOwnPort, port],
    ] as const)('asks the one with HTTP, %s', async (_, gateway, ownPort) => {
      await startWorkers();
      const scene = await start(gateway);
      await startWorkers();
      const { access } = await scene.login('bob');
      const base = ownPort === undefined ? scene.booted.url : `http://127.0.0.1:${ownPort}`;
      const client = await WsTestClient.open(base, 'guarded', accessCookie(access));
      expect(await client.ask('who')).toEqual(['you', 'bob']);
      client.close();
    });

    it('asks the only one, though it has none', async () => {
      await startMicroservice(WorkerWithGatewayModule, (app) => new WsAdapter(app));
      await expect(
        WsTestClient.open(`http://127.0.0.1:${port}`, 'guarded', {}),
      ).rejects.toMatchObject({ status: 401 });
    });

    it('lets nobody in where one with gateways could be meant too', async () => {
      const scene = await start(Gateway);
      await startMicroservice(WorkerWithGatewayModule, (app) => new WsAdapter(app));
      const { access } = await scene.login('bob');
      await expect(
        WsTestClient.open(`http://127.0.0.1:${port}`, 'guarded', accessCookie(access)),
      ).rejects.toMatchObject({ status: 500 });
    });
  });
});
