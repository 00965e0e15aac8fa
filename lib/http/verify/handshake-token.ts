import { isAccessTokenLike } from '../../tokens/access-token.js';
import { headerOf, type HttpRequest } from '../context/http-request.js';

/**
 * A handshake with the token that its client shows beside cookies and headers.
 *
 * @param shown the token that the client sent apart from the handshake, if it did
 */
export function withShownToken(request: HttpRequest, shown: string | undefined): HttpRequest {
  const token = shown ?? tokenOfSubprotocols(request);
  return token === undefined ? request : withToken(request, token);
}

// It replaces cookies.
function withToken(request: HttpRequest, token: string): HttpRequest {
  const { method, socket, url, ip, headers } = request;
  const { cookie: _, ...others } = headers;
  return { method, socket, url, ip, headers: { ...others, authorization: `Bearer ${token}` } };
}

// The only header of a WebSocket that a page can set is its subprotocols, so a token among them counts as
// `Authorization`.
function tokenOfSubprotocols(request: HttpRequest): string | undefined {
  const offered = headerOf(request, 'sec-websocket-protocol');
  if (offered === undefined || headerOf(request, 'authorization') !== undefined) return undefined;
  return offered
    .split(',')
    .map((each) => each.trim())
    .find(isAccessTokenLike);
}
