/** What the sockets of `ws` and of Socket.IO share with nothing else. */
interface SocketClient {
  readonly readyState?: unknown;
  send?(text: string): unknown;
  emit?(event: string, data: unknown): unknown;
}

/** Sends an error in the form in which Nest's gateways send theirs. */
export function sendException(client: SocketClient, data: object): void {
  // Sockets of `ws` have an `emit` too, which reaches their listeners on the server alone.
  if (typeof client.readyState === 'number') {
    client.send?.(JSON.stringify({ event: 'exception', data }));
  } else {
    client.emit?.('exception', data);
  }
}
