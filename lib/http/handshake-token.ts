import { accessTokenKid } from '../tokens/access-token.js';
import { headerOf, type HttpRequest } from './context/http-request.js';

/** A copy of a handshake with this token, and without cookies. */
export function withToken(request: HttpRequest, token: string): HttpRequest {
  const { method, socket, url, ip, headers } = request;
  const { cookie: _, ...others } = headers;
  return { method, socket, url, ip, headers: { ...others, authorization: `Bearer ${token}` } };
}

/**
 * The only header of a WebSocket that a page can set is its subprotocols, so a token among them counts as
 * `Authorization`.
 */
export function withTokenOfSubprotocols(request: HttpRequest): HttpRequest {
  const offered = headerOf(request, 'sec-websocket-protocol');
  if (offered === undefined || headerOf(request, 'authorization') !== undefined) return request;
  const token = offered
    .split(',')
    .map((each) => each.trim())
    .find((each) => accessTokenKid(each) !== undefined);
  return token === undefined ? request : withToken(request, token);
}
