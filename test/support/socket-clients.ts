import { once } from 'node:events';
import type { Agent } from 'node:http';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { HOST, type Headers } from './scene.js';

/** A client of either kind, told apart by nothing. */
export interface SocketTestClient {
  /** Its answer, or how it was closed. */
  ask(event: string, data?: unknown): Promise<unknown>;
  /** The next message, or how it was closed. */
  next(): Promise<unknown>;
  /** How it was closed: code and reason of a WebSocket, what Socket.IO says. */
  readonly closed: Promise<unknown>;
  readonly isClosed: boolean;
  send(event: string, data?: unknown): void;
  close(): void;
}

export class WsTestClient implements SocketTestClient {
  readonly closed: Promise<unknown>;
  isClosed = false;
  private constructor(private readonly socket: WebSocket) {
    this.closed = once(socket, 'close').then(([code, reason]: unknown[]) => {
      this.isClosed = true;
      return [code, String(reason)];
    });
  }

  /** @throws the status where the upgrade is refused */
  static async open(base: string, place: string, headers: Headers, protocols: string[] = []) {
    const url = `${base.replace('http', 'ws')}/${place}`;
    const socket = new WebSocket(url, protocols, { headers: { host: HOST, ...headers } });
    const client = new WsTestClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('unexpected-response', (_, response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          reject(Object.assign(new Error('refused'), { status: response.statusCode, body })),
        );
      });
      socket.on('error', reject);
    });
    return client;
  }

  ask(event: string, data?: unknown): Promise<unknown> {
    const answer = this.next();
    this.send(event, data);
    return answer;
  }

  next(): Promise<unknown> {
    const answered = once(this.socket, 'message').then(([message]: unknown[]) => {
      const { event: name, data: answer } = JSON.parse(String(message)) as Record<string, unknown>;
      return [name, answer];
    });
    return Promise.race([answered, this.closed]);
  }

  send(event: string, data?: unknown): void {
    this.socket.send(JSON.stringify({ event, data }));
  }

  /** The next messages. */
  async hear(count: number): Promise<unknown[]> {
    const heard: unknown[] = [];
    const listen = (message: unknown): void => void heard.push(JSON.parse(String(message)));
    this.socket.on('message', listen);
    while (heard.length < count) await once(this.socket, 'message');
    this.socket.off('message', listen);
    return heard;
  }

  /** Sends as text what is none. */
  sendNoText(): void {
    this.socket.send(Buffer.of(0xff), { binary: false });
  }

  close(): void {
    this.socket.terminate();
  }
}

export class IoTestClient implements SocketTestClient {
  readonly closed: Promise<unknown>;
  isClosed = false;
  ended: unknown;
  private constructor(private readonly socket: Socket) {
    socket.on('session-ended', (data: unknown) => (this.ended = data));
    this.closed = new Promise((resolve) => {
      socket.on('disconnect', (reason) => {
        this.isClosed = true;
        resolve([reason, this.ended]);
      });
    });
  }

  /** @throws what the client is told where it is refused */
  static async open(
    base: string,
    place: string,
    headers: Headers,
    auth: object = {},
    agent?: Agent,
  ) {
    const socket = io(`${base}/${place}`, {
      ...(agent && { agent: agent as never }),
      extraHeaders: { host: HOST, ...headers },
      forceNew: true,
      reconnection: false,
      auth,
    });
    const client = new IoTestClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on('connect', () => resolve());
      socket.on('connect_error', reject);
    });
    return client;
  }

  ask(event: string, data?: unknown): Promise<unknown> {
    const answer = this.next();
    this.send(event, data);
    return answer;
  }

  next(): Promise<unknown> {
    const answered = new Promise((resolve) => {
      this.socket.onAny((name: string, answer: unknown) => {
        if (name === 'session-ended') return;
        this.socket.offAny();
        resolve([name, answer]);
      });
    });
    return Promise.race([answered, this.closed]);
  }

  send(event: string, data?: unknown): void {
    this.socket.emit(event, data);
  }

  close(): void {
    this.socket.close();
  }
}
