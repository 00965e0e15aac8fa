import { tokenIn } from './handshakes.js';

/** The event with which a client shows an access token on an open socket. */
export const SHOWN_TOKEN_EVENT = 'session-token';

const LONGEST_MESSAGE = 10_000;

/** The access token in a WebSocket message in Nest's form, if the message shows one. */
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
