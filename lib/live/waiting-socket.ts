import type { WsClient } from './close-socket.js';
import { shownTokenIn } from './shown-token.js';
import type { Server } from './socket-adapter.js';

const OPEN = 1;
// A message takes memory beside its bytes.
const BYTES_OF_MESSAGE = 100;
const MOST_BYTES = 65_536;

/** The callbacks for a socket that is to show its token. */
interface Showing {
  onToken(token: string): void;
  /** It sends too much before its token. */
  onTooMuch(): void;
}

/**
 * A socket of `ws` until it has been judged. No gateway knows it, no broadcast reaches it, and its messages wait.
 */
export class WaitingSocket {
  private readonly gateways: (() => unknown)[] = [];
  private readonly messages: unknown[][] = [];
  private bytes = 0;
  private hasShown = false;

  /** @param showing `undefined` if it is judged by its handshake: its token is not waited for */
  constructor(
    private readonly server: Server,
    private readonly client: WsClient,
    private readonly showing?: Showing,
  ) {
    server.clients?.delete(client);
    client.on('message', this.keep);
    // Without a listener, an error of its client would end the process.
    client.on('error', ignore);
    if (showing === undefined) this.pause();
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
      this.pause();
      this.showing?.onToken(token);
      return;
    }
    this.messages.push(message);
    this.bytes += lengthOf(message[0]) + BYTES_OF_MESSAGE;
    if (!this.hasShown && this.bytes > MOST_BYTES) this.showing?.onTooMuch();
  };

  // Messages that have been read already still arrive.
  private pause(): void {
    this.hasShown = true;
    this.client.pause?.();
  }
}

function lengthOf(data: unknown): number {
  return Buffer.isBuffer(data) ? data.length : 0;
}

function ignore(): void {}
