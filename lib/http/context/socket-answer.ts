/** The properties that distinguish the sockets of `ws` and of Socket.IO. */
interface SocketClient {
  readonly readyState?: unknown;
  send?(text: string): unknown;
  emit?(event: string, data: unknown): unknown;
}

/** Sends an error in the form of Nest's gateways. */
export function sendException(client: SocketClient, data: object): void {
  // Sockets of `ws` have an `emit` too, but it reaches only listeners on the server.
  if (typeof client.readyState === 'number') {
    client.send?.(JSON.stringify({ event: 'exception', data }));
  } else {
    client.emit?.('exception', data);
  }
}
