import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'socket.io';
import { afterEach, describe, expect, it } from 'vitest';
import { PublicAccess, VerifySession } from '../../lib/index.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Scene } from '../support/scene.js';

class Pongs {
  @WebSocketServer()
  readonly server!: Server;

  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 'open' };
  }
}

@WebSocketGateway()
@PublicAccess()
class OpenGateway extends Pongs {}

@WebSocketGateway()
@VerifySession()
class GuardedGateway extends Pongs {}

/** A packet of Engine.IO in its frame, which is shorter than 126 bytes. */
function framed(packet: string): Uint8Array {
  return new Uint8Array([packet.length, ...Buffer.from(packet)]);
}

/** Opens a connection by a stream of WebTransport, and joins the namespace `/`. @returns Engine.IO's answers */
async function join({ engine }: Server): Promise<() => string> {
  let received = '';
  const toServer = new TransformStream<Uint8Array, Uint8Array>();
  const stream = {
    readable: toServer.readable,
    writable: new WritableStream<Uint8Array>({
      write: (chunk) => void (received += Buffer.from(chunk).toString('latin1')),
    }),
  };
  const session = {
    closed: new Promise(() => undefined),
    close: () => undefined,
    incomingBidirectionalStreams: new ReadableStream({
      start: (controller) => controller.enqueue(stream),
    }),
  };
  const opened = engine.onWebTransportSession(session);
  const writer = toServer.writable.getWriter();
  await writer.write(framed('0'));
  await opened;
  await writer.write(framed('40'));
  return () => received;
}

describe('a connection of Socket.IO that begins with WebTransport, and so without a request', () => {
  let scene: Scene;
  const log = new LogRecorder();
  afterEach(() => scene.close());
  const start = async (gateway: typeof Pongs): Promise<Server> => {
    scene = await Scene.open({
      providers: [gateway],
      prepare: (app) => {
        app.useLogger(log);
        app.useWebSocketAdapter(new IoAdapter(app));
      },
    });
    return scene.booted.app.get(gateway).server;
  };

  it('joins where its gateway is open', async () => {
    const received = await join(await start(OpenGateway));
    await expect.poll(received).toMatch(/40\{"sid":/);
  });

  it('is refused as one without a session where its gateway asks for one', async () => {
    const received = await join(await start(GuardedGateway));
    await expect
      .poll(received)
      .toMatch(/44\{"message":"unauthorised","data":\{.*"code":"UNAUTHORISED"/);
    expect(log.texts('error')).toEqual([]);
  });
});
