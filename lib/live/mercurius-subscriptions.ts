import type { Duplex } from 'node:stream';
import type { HttpRequest } from '../http/context/http-request.js';
import type { SessionKind } from '../options/kind.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import { nodeRequestOf } from '../session/input/by-request.js';
import { later, type ApplicationOrLater } from './application.js';
import { closeWs, type WsClient } from './close-socket.js';
import { GatewayEntrance } from './gateway-entrance.js';
import { Handshakes } from './handshakes.js';
import { HeldConnections } from './held-connections.js';
import { admitSubscriber, holdSubscriptions } from './held-subscriptions.js';
import { PendingConnections } from './pending-connections.js';
import { verifyWsClient } from './verify-ws-client.js';

/** Options of Mercurius' `subscription`. @publicApi */
export interface MercuriusSubscriptions {
  readonly verifyClient: ReturnType<typeof verifyWsClient>;
  context(socket: unknown, request: unknown): Promise<object>;
  onConnect(message: { payload?: unknown }): Promise<boolean>;
}

/** A socket whose first message is being read. */
interface Opening {
  readonly socket: WsClient;
  /** Fastify's request, which represents the socket in the context of resolvers. */
  readonly request: object;
}

const OPENING = Symbol('opening');
// An application's other sockets may share the server.
const SUBPROTOCOLS = /\bgraphql-(transport-)?ws\b/;
/** How long a socket of subscriptions may take for its first message. */
export const INIT_WITHIN_MS = 5_000;

export function mercuriusSubscriptions(
  application: ApplicationOrLater | undefined,
  { required, kind }: { readonly required: boolean; readonly kind: SessionKind },
): MercuriusSubscriptions {
  const entrance = later(application, kind, GatewayEntrance);
  const handshakes = later(application, kind, Handshakes);
  const connections = later(application, kind, HeldConnections);
  const pending = later(application, kind, PendingConnections);
  const asked = [{ sessionRequired: required }];
  const verifyClient = verifyWsClient(application, {
    required,
    firstMessage: true,
    ...(kind === undefined ? {} : { kind }),
  });
  const waiting = new WeakMap<object, NodeJS.Timeout>();
  let opening: Opening | undefined;

  // Mercurius passes the socket to one function and the message to the other. It calls the latter in the turn in which
  // it copies the first one's result. If anything comes between, nothing is found, and a client that waits for a token
  // waits in vain.
  const open = (found: Opening): void => {
    opening = found;
    queueMicrotask(() => {
      opening = undefined;
    });
  };

  // Those without a token take a place among the few that may wait. The others take none, so nobody keeps them out.
  const awaitInit = (raw: HttpRequest): void => {
    const subprotocols = String(raw.headers['sec-websocket-protocol']);
    if (pending(raw).has(raw) || !SUBPROTOCOLS.test(subprotocols)) return;
    const connection = raw.socket as Duplex;
    const timer = setTimeout(() => connection.destroy(), INIT_WITHIN_MS).unref();
    waiting.set(raw, timer);
    connection.once('close', () => clearTimeout(timer));
  };

  // It may have ended since the handshake. Then `onConnect` looks for another one, or refuses.
  const sessionNowOf = async (raw: HttpRequest): Promise<ReadonlySession | undefined> => {
    if (entrance(raw).sessionOf(raw) === undefined) return undefined;
    const finding = handshakes(raw).find(raw, asked);
    return finding.catch(() => undefined);
  };

  return {
    verifyClient: (info, callback) =>
      verifyClient(info, (isAllowed, ...refusal) => {
        if (isAllowed) awaitInit(info.req as HttpRequest);
        callback(isAllowed, ...refusal);
      }),
    context: async (socket, request) => {
      const found = { socket, request } as Opening;
      const raw = nodeRequestOf(found.request) as HttpRequest;
      clearTimeout(waiting.get(raw));
      // A client may open it again and again.
      if (connections(raw).sessionOf(found.request) !== undefined) return {};
      const session = await sessionNowOf(raw);
      if (session !== undefined) {
        holdSubscriptions(connections(raw), found.socket, found.request, session);
        return {};
      }
      pending(raw).closeBy(raw, (error) => closeWs(found.socket, error));
      return {
        get [OPENING]() {
          open(found);
          return true;
        },
      };
    },
    onConnect: async ({ payload }) => {
      const found = opening;
      opening = undefined;
      if (found === undefined) return true;
      const raw = nodeRequestOf(found.request) as HttpRequest;
      pending(raw).addJudged(raw, (error) => closeWs(found.socket, error));
      const finding = handshakes(raw).verify(raw, asked, payload);
      return admitSubscriber(connections(raw), found.socket, found.request, finding).finally(() =>
        pending(raw).remove(raw),
      );
    },
  };
}
