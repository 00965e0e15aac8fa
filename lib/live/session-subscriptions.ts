import type { HttpRequest } from '../http/context/http-request.js';
import { later, type ApplicationOrLater } from './application.js';
import type { WsClient } from './close-socket.js';
import { readEntranceOptions } from './entrance-options.js';
import { Handshakes } from './handshakes.js';
import { HeldConnections } from './held-connections.js';
import { admitSubscriber } from './held-subscriptions.js';
import {
  INIT_WITHIN_MS,
  mercuriusSubscriptions,
  type MercuriusSubscriptions,
} from './mercurius-subscriptions.js';

/** The options of the entrance to subscriptions. @publicApi */
export interface SessionSubscriptionsOptions {
  /** `false`: a socket without a session is admitted, and its operations are judged one by one. @default true */
  required?: boolean;
  /** The kind of sessions of its sockets. @default that of the module without a kind */
  kind?: string;
  /** The server that the options are for. @default 'graphql-ws' */
  server?: 'graphql-ws' | 'mercurius';
}

/** The data that graphql-ws keeps with a socket. */
interface SocketContext {
  readonly connectionParams?: unknown;
  readonly extra: unknown;
}

/** Options of graphql-ws. @publicApi */
export interface GraphqlWsSubscriptions {
  readonly connectionInitWaitTimeout: number;
  onConnect(context: SocketContext): Promise<boolean>;
}

/**
 * Options for subscriptions. They admit a socket by the session of its handshake, or by a token in `connectionParams`
 * (`authorization` or `token`). They close it with 4401 when that session ends. Its subscriptions get the error first.
 *
 * @param application needed only if several applications run in one process, and none of them owns the sockets' server
 * @example
 * ```ts
 * GraphQLModule.forRoot<ApolloDriverConfig>({
 *   driver: ApolloDriver,
 *   autoSchemaFile: true,
 *   subscriptions: { 'graphql-ws': sessionSubscriptions() },
 * })
 * ```
 * @throws {SessionInputException} for a wrong option
 * @publicApi
 */
export function sessionSubscriptions(
  application?: ApplicationOrLater,
  options?: SessionSubscriptionsOptions & { server?: 'graphql-ws' },
): GraphqlWsSubscriptions;
export function sessionSubscriptions(
  application: ApplicationOrLater | undefined,
  options: SessionSubscriptionsOptions & { server: 'mercurius' },
): MercuriusSubscriptions;
export function sessionSubscriptions(
  application?: ApplicationOrLater,
  { server = 'graphql-ws', ...options }: SessionSubscriptionsOptions = {},
): GraphqlWsSubscriptions | MercuriusSubscriptions {
  const { required, kind } = readEntranceOptions(options, ['required', 'kind']);
  if (server === 'mercurius') return mercuriusSubscriptions(application, { required, kind });
  const asked = [{ sessionRequired: required }];
  const handshakes = later(application, kind, Handshakes);
  const connections = later(application, kind, HeldConnections);
  return {
    connectionInitWaitTimeout: INIT_WITHIN_MS,
    onConnect: async ({ connectionParams, extra }: SocketContext) => {
      const { socket, request } = extra as { socket: WsClient; request: HttpRequest };
      const finding = handshakes(request).verify(request, asked, connectionParams);
      return admitSubscriber(connections(request), socket, request, finding);
    },
  };
}
