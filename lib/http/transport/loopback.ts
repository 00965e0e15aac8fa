import { isLoopbackHost } from '../../options/loopback-host.js';
import { headerOf, hostOf, type HttpRequest } from '../context/http-request.js';

const PAGE = /^(?<scheme>https?):\/\/(?<host>[^/]+)/;

/** The browser's own information about a page. */
interface Page {
  readonly scheme: string;
  readonly host: string;
  readonly isLoopback: boolean;
}

/** The page of a request, from `Origin`, or else from `Referer`. No proxy changes either of them. */
export function pageOf(request: HttpRequest): Page | undefined {
  const origin = headerOf(request, 'origin');
  const page = origin === undefined || origin === 'null' ? headerOf(request, 'referer') : origin;
  if (page === undefined) return undefined;
  const { scheme = '', host = '' } = PAGE.exec(page.slice(0, 300).toLowerCase())?.groups ?? {};
  return { scheme, host, isLoopback: isLoopbackHost(host) };
}

function isPlainLoopbackPage({ scheme, isLoopback }: Page): boolean {
  return scheme === 'http' && isLoopback;
}

/** Whether a request names this machine as its host. Behind a proxy, that does not prove where the browser is. */
export function namesLoopback(request: HttpRequest): boolean {
  return isLoopbackHost(hostOf(request));
}

/**
 * Whether a request may be plain http to this machine, as in development: it names a loopback host, and nothing
 * contradicts that. A forwarding header gives a proxy away, and the Origin gives the browser away.
 */
export function isPlainLoopback(request: HttpRequest): boolean {
  if (request.socket?.encrypted === true || !namesLoopback(request)) return false;
  if (headerOf(request, 'forwarded') !== undefined) return false;
  // Several proxies turn it into a list.
  if (headerOf(request, 'x-forwarded-proto')?.toLowerCase().includes('https') === true)
    return false;
  const forwardedHost = headerOf(request, 'x-forwarded-host');
  if (forwardedHost !== undefined && !isLoopbackHost(forwardedHost.toLowerCase())) return false;
  const page = pageOf(request);
  return page === undefined || isPlainLoopbackPage(page);
}

/**
 * Whether the browser itself shows that its page is plain http on this machine: the only case in which a cookie is not
 * Secure. The host alone is not enough, because a proxy in front of a public site may set it to `localhost`.
 */
export function isShownPlainLoopback(request: HttpRequest): boolean {
  const page = pageOf(request);
  return page !== undefined && isPlainLoopbackPage(page) && isPlainLoopback(request);
}
