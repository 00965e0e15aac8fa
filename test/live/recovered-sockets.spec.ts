import type { INestApplication } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  allowSocketIo,
  PublicAccess,
  SessionConfigurationError,
  SessionService,
  UserRoleClaim,
  VerifySession,
} from '../../lib/index.js';
import type { BootOptions } from '../support/boot-app.js';
import { LogRecorder } from '../support/log-recorder.js';
import { HOST, Scene } from '../support/scene.js';

const connectionStateRecovery = {};

class Pongs {
  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 'open' };
  }
}

@WebSocketGateway({ connectionStateRecovery })
@VerifySession()
class GuardedGateway extends Pongs {}

@WebSocketGateway({ connectionStateRecovery: { skipMiddlewares: false } })
class GatewayOfGuardedHandler {
  @SubscribeMessage('ping')
  @VerifySession()
  ping(): object {
    return { event: 'pong', data: 'guarded' };
  }
}

@WebSocketGateway({ namespace: 'guarded' })
@VerifySession()
class GuardedNamespace extends Pongs {}

@WebSocketGateway({ namespace: 'guarded', connectionStateRecovery })
@VerifySession()
class GuardedNamespaceWithOption extends Pongs {}

@WebSocketGateway({ connectionStateRecovery })
@PublicAccess()
class OpenGateway extends Pongs {}

@WebSocketGateway({ connectionStateRecovery })
class PlainGateway extends Pongs {}

@WebSocketGateway({ connectionStateRecovery, allowRequest: allowSocketIo() })
class PlainGatewayWithEntrance extends Pongs {}

@WebSocketGateway({ path: '/admin.io' })
@VerifySession({ roles: ['admin'] })
class AdminGateway extends Pongs {}

class RecoveringAdapter extends IoAdapter {
  override createIOServer(port: number, options: object = {}) {
    return super.createIOServer(port, { ...options, connectionStateRecovery } as never);
  }
}

describe('connectionStateRecovery of Socket.IO', () => {
  let scene: Scene | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.close();
    await scene?.close();
    scene = undefined;
  });

  const start = async (
    gateways: (new () => object)[],
    adapter: (app: INestApplication) => IoAdapter = (app) => new IoAdapter(app),
    log = new LogRecorder(),
    sessions: BootOptions['sessions'] = {},
  ): Promise<Scene> =>
    (scene = await Scene.open({
      providers: gateways,
      sessions,
      prepare: (app) => {
        app.useLogger(log);
        app.useWebSocketAdapter(adapter(app));
      },
    }));

  const connect = async (base: string, auth: object = {}, path = '/socket.io'): Promise<Socket> => {
    const socket = io(base, {
      extraHeaders: { host: HOST },
      forceNew: true,
      reconnectionDelay: 10,
      auth,
      path,
    });
    sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    return socket;
  };

  /** Loses the connection of a client that has got an event, and waits until it is back. */
  const interrupt = async (socket: Socket): Promise<void> => {
    const answered = new Promise((resolve) => socket.once('pong', resolve));
    socket.emit('ping');
    await answered;
    const back = new Promise<void>((resolve) => socket.once('connect', resolve));
    socket.io.engine.close();
    await back;
  };

  it.each([
    ['a gateway', [GuardedGateway]],
    [
      'a handler of a gateway, without Socket.IO leaving its middleware out',
      [GatewayOfGuardedHandler],
    ],
    ['a gateway with a namespace', [GuardedNamespaceWithOption]],
  ])('is refused at the start where %s asks for sessions', async (_, gateways) => {
    await expect(start(gateways)).rejects.toThrow(SessionConfigurationError);
    await expect(start(gateways)).rejects.toThrow(/Guarded.*`connectionStateRecovery`/s);
  });

  it('is refused at the start where an adapter sets it', async () => {
    const adapter = (app: INestApplication) => new RecoveringAdapter(app);
    await expect(start([GuardedNamespace], adapter)).rejects.toThrow(
      /GuardedNamespace.*`connectionStateRecovery`/s,
    );
  });

  it('lets nobody in by `allowSocketIo`, and says why once', async () => {
    const log = new LogRecorder();
    const { booted, login } = await start([PlainGatewayWithEntrance], undefined, log);
    const { access } = await login.call(scene, 'bob');
    for (const auth of [{ token: access }, {}, {}]) {
      await expect(connect(booted.url, auth)).rejects.toThrow('Internal server error');
    }
    expect(log.texts('error')).toEqual([
      expect.stringMatching(/PlainGatewayWithEntrance.*recovery/is),
    ]);
  });

  it('works where gateways are open', async () => {
    const { booted } = await start([OpenGateway]);
    const socket = await connect(booted.url);
    await interrupt(socket);
    expect(socket.recovered).toBe(true);
  });

  it('leaves a role that is newer than the session to be fetched, where another server asks for it', async () => {
    const roles = new Map<string, string[]>();
    const claims = [new UserRoleClaim({ fetchValue: ({ userId }) => roles.get(userId) })];
    const { booted, login } = await start([OpenGateway, AdminGateway], undefined, undefined, {
      claims,
    });
    const { access } = await login.call(scene, 'bob');
    roles.set('bob', ['admin']);
    const socket = await connect(booted.url, { token: access }, '/admin.io');
    expect(socket.connected).toBe(true);
  });

  it('keeps a socket with the session that it shows, where nothing is asked', async () => {
    const { booted, login } = await start([PlainGateway]);
    const { access, handle } = await login.call(scene, 'bob');
    const socket = await connect(booted.url, { token: access });
    await interrupt(socket);
    expect(socket.recovered).toBe(true);
    const ended = new Promise((resolve) => socket.once('session-ended', resolve));
    await booted.app.get(SessionService).revokeSession(handle);
    expect(await ended).toEqual({ code: 'UNAUTHORISED' });
  });
});
