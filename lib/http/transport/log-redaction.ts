import { PROOF_HEADER } from '../../binding/header-text.js';
import {
  ACCESS_TOKEN_HEADER,
  ANTI_CSRF_HEADER,
  FRONT_TOKEN_HEADER,
  REFRESH_TOKEN_HEADER,
} from './header-names.js';

// A page's WebSocket carries its access token among the subprotocols.
const SUBPROTOCOLS_HEADER = 'sec-websocket-protocol';
const SENT_BY_CLIENTS = [
  'authorization',
  'cookie',
  ANTI_CSRF_HEADER,
  SUBPROTOCOLS_HEADER,
  PROOF_HEADER,
];
const SENT_TO_CLIENTS = [
  'set-cookie',
  ACCESS_TOKEN_HEADER,
  REFRESH_TOKEN_HEADER,
  FRONT_TOKEN_HEADER,
  ANTI_CSRF_HEADER,
];

/**
 * The paths of all tokens and proofs in a request logger's output, for pino's option `redact`. They are headers of `req` and
 * `res`, by their names in lower case.
 *
 * @example
 * ```ts
 * LoggerModule.forRoot({ pinoHttp: { redact: [...sessionLogRedaction] } })
 * ```
 * @publicApi
 */
export const sessionLogRedaction: readonly string[] = Object.freeze([
  ...SENT_BY_CLIENTS.map((name) => `req.headers["${name}"]`),
  ...SENT_TO_CLIENTS.map((name) => `res.headers["${name}"]`),
]);
