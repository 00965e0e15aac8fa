import { headerOf, hostOf, type HttpRequest } from '../context/http-request.js';

// localhost and its subdomains (RFC 6761 §6.3), 127.0.0.0/8 and ::1, with or without a port.
const LOOPBACK_HOST = /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;
const LOOPBACK_ORIGIN = /^http:\/\/(?<host>.+)$/;

/**
 * Whether a request is plain http to this very machine, as in development: the one case in which a cookie goes without
 * Secure. A proxy that hides the public name behind `Host: localhost` gives itself away by a forwarding header, or the
 * browser by its Origin; none of these ever switches Secure off.
 */
export function isPlainLoopback(request: HttpRequest): boolean {
  if (request.socket?.encrypted === true || !LOOPBACK_HOST.test(hostOf(request))) return false;
  if (headerOf(request, 'forwarded') !== undefined) return false;
  // Several proxies make a list of it.
  if (headerOf(request, 'x-forwarded-proto')?.toLowerCase().includes('https') === true)
    return false;
  const forwardedHost = headerOf(request, 'x-forwarded-host');
  if (forwardedHost !== undefined && !LOOPBACK_HOST.test(forwardedHost.toLowerCase())) return false;
  const origin = headerOf(request, 'origin');
  const originHost = origin && LOOPBACK_ORIGIN.exec(origin)?.groups?.['host'];
  return origin === undefined || origin === 'null' || LOOPBACK_HOST.test(originHost ?? '');
}
