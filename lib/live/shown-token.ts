import { isWsClient, type SocketClient } from './close-socket.js';
import { tokenIn } from './handshakes.js';

/** The event with which a client shows an access token on an open socket. */
const SHOWN_TOKEN_EVENT = 'session-token';

const LONGEST_MESSAGE = 10_000;

/** Calls with each access token that a client shows on its open socket. */
export function onShownToken(client: SocketClient, onToken: (token: string) => void): void {
  const isWs = isWsClient(client);
  client.on(isWs ? 'message' : SHOWN_TOKEN_EVENT, (data) => {
    const token = isWs ? shownTokenIn(data) : tokenIn(data);
    if (token !== undefined) onToken(token);
  });
}

/** The access token in a message of `ws`, which has Nest's form. */
export function shownTokenIn(message: unknown): string | undefined {
  if (!Buffer.isBuffer(message) || message.length > LONGEST_MESSAGE) return undefined;
  // Nearly all messages say something else, and need not be parsed twice.
  if (!message.includes(SHOWN_TOKEN_EVENT)) return undefined;
  try {
    const { event, data } = JSON.parse(message.toString()) as { event?: unknown; data?: unknown };
    return event === SHOWN_TOKEN_EVENT ? tokenIn(data) : undefined;
  } catch {
    return undefined;
  }
}
