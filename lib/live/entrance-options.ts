import { checkFlag, readDecoratorOptions } from '../session/input/function-arguments.js';
import { checkKind } from '../http/verify/verify-session-options.js';

/** The options of the entrance to a gateway's sockets. @publicApi */
export interface SocketEntranceOptions {
  /** `false`: a socket without a session is admitted, and its messages are judged one by one. @default true */
  required?: boolean;
  /**
   * Whether a socket of `ws` may show its token in its first message: `{ "event": "session-token", "data": "…" }`. It
   * has five seconds to do so. Only for gateways with `@VerifySession()`. Sockets of Socket.IO may, with `auth`.
   * @default false
   */
  firstMessage?: boolean;
  /** The kind of sessions of the gateways on this server. @default that of the module without a kind */
  kind?: string;
}

/**
 * Reads the options of an entrance where its gateway is declared: a wrong `required` would let everybody in.
 *
 * @throws {SessionInputException}
 */
export function readEntranceOptions(
  value: unknown,
  names: readonly (keyof SocketEntranceOptions)[],
): SocketEntranceOptions & { readonly required: boolean; readonly firstMessage: boolean } {
  const options = readDecoratorOptions(value, names, ['kind']);
  const { kind } = options;
  return {
    required: checkFlag('required', options.required) ?? true,
    firstMessage: checkFlag('firstMessage', options.firstMessage) ?? false,
    ...(kind === undefined ? {} : { kind: checkKind(kind) }),
  };
}
