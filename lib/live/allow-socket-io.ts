import { SessionException } from '../errors/session.exception.js';
import type { HttpRequest } from '../http/context/http-request.js';
import { later, type ApplicationOrLater } from './application.js';
import { GatewayEntrance, type SocketEntranceOptions } from './gateway-entrance.js';

/**
 * For the option `allowRequest` of Socket.IO: refuses a connection with a bad token before its upgrade. A connection
 * without a token has five seconds to show one as `auth: { token }`. At most `live.pending` wait at once.
 *
 * @example
 * ```ts
 * class SocketAdapter extends IoAdapter {
 *   constructor(private readonly app: INestApplicationContext) { super(app); }
 *   override createIOServer(port: number, options = {}) {
 *     return super.createIOServer(port, { ...options, allowRequest: allowSocketIo(this.app) });
 *   }
 * }
 * ```
 * @publicApi
 */
export function allowSocketIo(
  application: ApplicationOrLater,
  options: Pick<SocketEntranceOptions, 'required' | 'kind'> = {},
): (request: unknown, callback: (error: string | null, isAllowed: boolean) => void) => void {
  const entrance = later(application, options.kind, GatewayEntrance);
  return (request, callback) => {
    Promise.resolve()
      .then(() => entrance().allow(request as HttpRequest, options, true))
      .then(
        (outcome) =>
          outcome === 'allowed' ? callback(null, true) : callback('TOO_MANY_PENDING', false),
        (error: unknown) =>
          callback(error instanceof SessionException ? error.code : 'INTERNAL', false),
      );
  };
}
