import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { INestApplication } from '@nestjs/common';

const LONGEST_WAIT_MS = 10_000;

/** The connections of a server, seen from its own side. */
export class ServerConnections {
  private readonly open = new Set<Socket>();
  private readonly server: Server;
  private accepted = 0;
  private onClose: () => void = () => undefined;

  /** Before the first connection. */
  constructor(app: INestApplication) {
    this.server = app.getHttpServer() as Server;
    this.server.on('connection', (socket: Socket) => {
      this.accepted += 1;
      this.open.add(socket);
      socket.once('close', () => {
        this.open.delete(socket);
        this.onClose();
      });
    });
  }

  /** Waits until it has seen as many connections as its client has opened, and none is left; says whether it has. */
  areOver(opened: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (isOver: boolean): void => {
        clearTimeout(timer);
        this.onClose = () => undefined;
        resolve(isOver);
      };
      const timer = setTimeout(() => finish(false), LONGEST_WAIT_MS);
      this.onClose = () => {
        if (this.accepted >= opened && this.open.size === 0) finish(true);
      };
      this.onClose();
    });
  }

  /** How many requests have come over the next connection, once that has come and gone. */
  async requestsOfNext(): Promise<number> {
    let count = 0;
    const [next] = (await once(this.server, 'connection')) as [Socket];
    const onRequest = ({ socket }: IncomingMessage): void => {
      if (socket === next) count += 1;
    };
    this.server.on('request', onRequest);
    // Not by `once`, which takes a reset for a failure.
    await new Promise((resolve) => {
      next.once('close', resolve);
    });
    this.server.off('request', onRequest);
    return count;
  }

  /** The next request, once its head has come. */
  nextRequest(): Promise<unknown> {
    return once(this.server, 'request');
  }
}
