import type { IoClient, SocketClient } from './close-socket.js';

/** A socket as a gateway receives it. Sockets of Socket.IO know the request that opened them. */
export type Connecting = SocketClient & { request?: unknown };

/** The used parts of the servers of `ws` and of Socket.IO, and of a namespace. */
export type Server = object & {
  /** The path of a server of `ws`, if it shares its port with others. */
  readonly path?: unknown;
  /** The open sockets of a server of `ws`. */
  readonly clients?: Set<object>;
  readonly engine?: { readonly on?: EngineEvents };
  /** The options of a server of Socket.IO. A namespace has them in its server. */
  readonly opts?: ServerOptions;
  readonly server?: { readonly opts?: ServerOptions };
  use?(middleware: (socket: IoSocket, next: (error?: Error) => void) => void): unknown;
};
type ServerOptions = { readonly connectionStateRecovery?: unknown };
interface EngineEvents {
  (event: 'connection', listener: (connection: EngineSocket) => void): unknown;
  (event: 'connection_error', listener: (failed: { readonly req?: object }) => void): unknown;
}
/** The used parts of a connection of Socket.IO, which can begin with a request and be upgraded. */
export type EngineSocket = {
  readonly request: object | null;
  close(): unknown;
  once(event: 'close', listener: () => void): unknown;
};
export type IoSocket = IoClient & {
  readonly request: object | null;
  readonly handshake?: { readonly auth?: unknown };
  /** Whether it is one that had lost its connection. */
  readonly recovered?: boolean;
};
type Connect = (client: Connecting, ...rest: unknown[]) => unknown;
/** The used parts of Nest's WebSocket adapters. */
export interface Adapter {
  create(port: number, options?: object): Server;
  bindClientConnect(server: Server, callback: Connect): unknown;
}
