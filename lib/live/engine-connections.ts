import { noteConnection } from '../http/context/handshake-connection.js';
import type { PendingConnections } from './pending-connections.js';
import type { Server } from './socket-adapter.js';

/** Follows the connections of a server of Socket.IO from their handshake on, whichever namespaces they join. */
export function followConnections({ engine }: Server, pending: PendingConnections): void {
  engine?.on?.('connection', (connection) => {
    const { request } = connection;
    // A connection that begins with WebTransport has no request.
    if (request === null) return;
    noteConnection(request, connection);
    pending.closeBy(request, () => connection.close());
    connection.once('close', () => pending.remove(request));
  });
  // A handshake that is allowed may still be no good for Engine.IO.
  engine?.on?.('connection_error', ({ req }) => {
    if (req) pending.remove(req);
  });
}
