import type { WsClient } from './close-socket.js';
import { shownTokenIn } from './shown-token.js';
import type { Server } from './socket-adapter.js';

const OPEN = 1;
// A message takes memory beside its bytes.
const BYTES_OF_MESSAGE = 100;
const MOST_BYTES = 65_536;

/**
 * A socket of `ws` until its token has been judged. No gateway knows it, no broadcast reaches it, and its messages
 * wait.
 */
export class WaitingSocket {
  private readonly gateways: (() => unknown)[] = [];
  private readonly messages: unknown[][] = [];
  private bytes = 0;
  private hasShown = false;

  /** @param onTooMuch called if it sends too much before its token */
  constructor(
    private readonly server: Server,
    private readonly client: WsClient,
    private readonly onToken: (token: string) => void,
    private readonly onTooMuch: () => void,
  ) {
    server.clients?.delete(client);
    client.on('message', this.keep);
    // Without a listener, an error of its client would end the process.
    client.on('error', ignore);
  }

  /** @param connect introduces it to a gateway, once it is admitted */
  add(connect: () => unknown): void {
    this.gateways.push(connect);
  }

  admit(): void {
    this.client.removeListener('message', this.keep);
    if (this.client.readyState !== OPEN) return;
    this.server.clients?.add(this.client);
    for (const connect of this.gateways) connect();
    this.client.removeListener('error', ignore);
    for (const message of this.messages) this.client.emit('message', ...message);
    this.client.resume?.();
  }

  private readonly keep = (...message: unknown[]): void => {
    const token = this.hasShown ? undefined : shownTokenIn(message[0]);
    if (token !== undefined) {
      this.hasShown = true;
      // Messages that have been read already still arrive.
      this.client.pause?.();
      this.onToken(token);
      return;
    }
    this.messages.push(message);
    this.bytes += lengthOf(message[0]) + BYTES_OF_MESSAGE;
    if (!this.hasShown && this.bytes > MOST_BYTES) this.onTooMuch();
  };
}

function lengthOf(data: unknown): number {
  return Buffer.isBuffer(data) ? data.length : 0;
}

function ignore(): void {}
