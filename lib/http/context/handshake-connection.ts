import type { HttpRequest } from './http-request.js';

// A connection of Socket.IO begins with a request of its own, whose socket is used for others and closed early.
const connections = new WeakMap<object, object>();

/** Notes the connection that a handshake has begun, if it is not the socket that the request came on. */
export function noteConnection(handshake: object, connection: object): void {
  connections.set(handshake, connection);
}

/** The connection that a handshake has begun. */
export function connectionOf(handshake: HttpRequest): unknown {
  return connections.get(handshake) ?? handshake.socket;
}
