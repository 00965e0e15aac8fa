import type { HttpRequest } from '../http/context/http-request.js';
import { later, type ApplicationOrLater } from './application.js';
import { readEntranceOptions, type SocketEntranceOptions } from './entrance-options.js';
import { GatewayEntrance } from './gateway-entrance.js';
import { refusalIn } from './refused-sockets.js';

type Refuse = (
  isAllowed: boolean,
  status?: number,
  body?: string,
  headers?: Record<string, string>,
) => void;

/**
 * For the option `verifyClient` of `ws`. It refuses a handshake without a session before the socket exists, unless the
 * gateway behind it is open by `@PublicAccess()`. Cookies count only from our own origin and `trustedOrigins`.
 *
 * @param application needed only if several applications run in one process and the gateway has a port of its own
 * @example
 * ```ts
 * @WebSocketGateway({ verifyClient: verifyWsClient() })
 * @VerifySession()
 * export class ChatGateway {}
 * ```
 * @throws {SessionInputException} for a wrong option
 * @publicApi
 */
export function verifyWsClient(
  application?: ApplicationOrLater,
  options: SocketEntranceOptions = {},
): (info: { req: unknown }, callback: Refuse) => void {
  const checked = readEntranceOptions(options, ['required', 'firstMessage', 'kind']);
  const entrance = later(application, checked.kind, GatewayEntrance);
  // `ws` waits for the callback of a function with two parameters.
  return ({ req }, callback) => {
    Promise.resolve()
      .then(() => entrance(req as HttpRequest).allow(req as HttpRequest, checked, false))
      .then(
        (outcome) =>
          outcome === 'allowed' ? callback(true) : callback(false, 503, '', { 'Retry-After': '5' }),
        (error: unknown) => refuse(callback, error),
      );
  };
}

function refuse(callback: Refuse, error: unknown): void {
  const refusal = refusalIn(error);
  if (refusal === undefined) return callback(false, 500, '');
  const { retryAfterSeconds: seconds } = refusal;
  callback(false, refusal.getStatus(), JSON.stringify(refusal.getResponse()), {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    ...(seconds === undefined ? {} : { 'Retry-After': String(seconds) }),
  });
}
