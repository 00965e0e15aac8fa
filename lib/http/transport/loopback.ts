import { headerOf, hostOf, type HttpRequest } from '../context/http-request.js';

// localhost and its subdomains (RFC 6761 §6.3), 127.0.0.0/8 and ::1, with or without a port.
const LOOPBACK_HOST = /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;
const PAGE = /^(?<scheme>https?):\/\/(?<host>[^/]+)/;

/** Where the browser says that a page is. */
interface Page {
  readonly scheme: string;
  readonly host: string;
  readonly isLoopback: boolean;
}

/** The page of a request, by `Origin`, else by `Referer`. No proxy changes either of them. */
export function pageOf(request: HttpRequest): Page | undefined {
  const origin = headerOf(request, 'origin');
  const page = origin === undefined || origin === 'null' ? headerOf(request, 'referer') : origin;
  if (page === undefined) return undefined;
  const { scheme = '', host = '' } = PAGE.exec(page.slice(0, 300).toLowerCase())?.groups ?? {};
  return { scheme, host, isLoopback: LOOPBACK_HOST.test(host) };
}

function isPlainLoopbackPage({ scheme, isLoopback }: Page): boolean {
  return scheme === 'http' && isLoopback;
}

/** Whether the host that a request names is this very machine. Behind a proxy that is no proof of where the browser is. */
export function namesLoopback(request: HttpRequest): boolean {
  return LOOPBACK_HOST.test(hostOf(request));
}

/**
 * Whether a request may be plain http to this very machine, as in development: it names a loopback host, and nothing
 * speaks against it. A proxy gives itself away by a forwarding header, or the browser by its Origin.
 */
export function isPlainLoopback(request: HttpRequest): boolean {
  if (request.socket?.encrypted === true || !namesLoopback(request)) return false;
  if (headerOf(request, 'forwarded') !== undefined) return false;
  // Several proxies make a list of it.
  if (headerOf(request, 'x-forwarded-proto')?.toLowerCase().includes('https') === true)
    return false;
  const forwardedHost = headerOf(request, 'x-forwarded-host');
  if (forwardedHost !== undefined && !LOOPBACK_HOST.test(forwardedHost.toLowerCase())) return false;
  const page = pageOf(request);
  return page === undefined || isPlainLoopbackPage(page);
}

/**
 * Whether the browser itself shows that its page is plain http on this very machine: the one case in which a cookie goes
 * without Secure. The host alone is not enough, as a proxy in front of a public site may put `localhost` there.
 */
export function isShownPlainLoopback(request: HttpRequest): boolean {
  const page = pageOf(request);
  return page !== undefined && isPlainLoopbackPage(page) && isPlainLoopback(request);
}
