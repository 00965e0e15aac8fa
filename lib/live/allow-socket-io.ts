import type { HttpRequest } from '../http/context/http-request.js';
import { later, type ApplicationOrLater } from './application.js';
import { readEntranceOptions, type SocketEntranceOptions } from './entrance-options.js';
import { GatewayEntrance } from './gateway-entrance.js';
import { refusalIn } from './refused-sockets.js';

/**
 * For the option `allowRequest` of Socket.IO: refuses a connection with a bad token before its upgrade. A connection
 * without a token has five seconds to show one as `auth: { token }`. At most `live.pending` wait at once. All gateways of
 * a port share one server, whose options the first of them gives.
 *
 * @param application needed only if several applications run in one process and the gateway has a port of its own
 * @example
 * ```ts
 * @WebSocketGateway({ allowRequest: allowSocketIo() })
 * @VerifySession()
 * export class ChatGateway {}
 * ```
 * @throws {SessionInputException} for a wrong option
 * @publicApi
 */
export function allowSocketIo(
  application?: ApplicationOrLater,
  options: Pick<SocketEntranceOptions, 'required' | 'kind'> = {},
): (request: unknown, callback: (error: string | null, isAllowed: boolean) => void) => void {
  const checked = readEntranceOptions(options, ['required', 'kind']);
  const entrance = later(application, checked.kind, GatewayEntrance);
  return (request, callback) => {
    Promise.resolve()
      .then(() => entrance(request as HttpRequest).allow(request as HttpRequest, checked, true))
      .then(
        (outcome) =>
          outcome === 'allowed' ? callback(null, true) : callback('TOO_MANY_PENDING', false),
        (error: unknown) => callback(refusalIn(error)?.code ?? 'INTERNAL', false),
      );
  };
}
