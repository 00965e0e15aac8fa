import type { ReadonlySession } from '../session/container/readonly-session.js';
import type { LiveEnd } from '../verification/session-ends.js';
import { closeSocket, closeWs, isGone, type WsClient } from './close-socket.js';
import type { HeldConnections } from './held-connections.js';
import { refusalIn } from './refused-sockets.js';

// The subscriptions of a socket end first, each with its error.
const CLOSED_AFTER_MS = 50;

/**
 * Keeps a socket of subscriptions with its session. @param request the socket's representative in the context of
 * resolvers
 */
export function holdSubscriptions(
  connections: HeldConnections,
  client: WsClient,
  request: object,
  session: ReadonlySession,
): void {
  if (isGone(client)) return;
  client.once('close', () => connections.release(request));
  connections.keep(request, client, session, undefined, (end) => closeLater(client, end));
}

function closeLater(client: WsClient, end: LiveEnd): void {
  setTimeout(() => closeSocket(client, end), CLOSED_AFTER_MS).unref();
}

/**
 * Admits a socket of subscriptions with the session that is found for it, or closes it.
 *
 * @returns whether it is admitted
 */
export async function admitSubscriber(
  connections: HeldConnections,
  client: WsClient,
  request: object,
  finding: Promise<ReadonlySession | undefined>,
): Promise<boolean> {
  try {
    const session = await finding;
    if (session !== undefined) holdSubscriptions(connections, client, request, session);
    return true;
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === undefined) throw error;
    closeWs(client, refusal);
    return false;
  }
}
