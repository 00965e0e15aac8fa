import type { VisitorRequest } from './visitor.js';

/** Whether a page of another origin has sent a request that may change something. */
export function isForeign(request: VisitorRequest, trusted: readonly string[]): boolean {
  const origin = headerOf(request, 'origin');
  if (/^(GET|HEAD)$/i.test(request.method ?? 'GET') || trusted.includes(origin)) return false;
  const site = headerOf(request, 'sec-fetch-site');
  if (site !== '' || origin === '') return !/^(same-origin|none|)$/.test(site);
  // Older browsers name the origin alone. Anyone on the network path can forge a plain http page.
  const host = hostOf(request).replace(/:(80|443)$/, '');
  const isSecure = /__(Host|Secure)-/.test(headerOf(request, 'cookie'));
  return origin !== `https://${host}` && (isSecure || origin !== `http://${host}`);
}

/** Whether a request may be plain http to this machine, as in development, and nothing contradicts that. */
export function isPlainLoopback(request: VisitorRequest): boolean {
  const page = headerOf(request, 'origin') || headerOf(request, 'referer');
  const [, scheme = 'http', pageHost = 'localhost'] = /^(\w+):\/\/([^/]+)/.exec(page) ?? [];
  const forwardedHost = headerOf(request, 'x-forwarded-host') || 'localhost';
  return (
    scheme === 'http' &&
    [hostOf(request), forwardedHost, pageHost].every(isLoopback) &&
    headerOf(request, 'forwarded') === '' &&
    !/https/i.test(headerOf(request, 'x-forwarded-proto'))
  );
}

function isLoopback(host: string): boolean {
  return /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

function hostOf(request: VisitorRequest): string {
  const { ':authority': ofHttp2 = '' } = request.headers as Record<string, string | undefined>;
  return headerOf(request, 'host') || ofHttp2;
}

/** A header of a standard request, or of Express or Node; `''` without one. */
export function headerOf({ headers }: VisitorRequest, name: string): string {
  const value = isStandard(headers) ? headers.get(name) : headers[name];
  return value?.toString() ?? '';
}

function isStandard(
  headers: VisitorRequest['headers'],
): headers is Extract<VisitorRequest['headers'], Iterable<unknown>> {
  return typeof headers.get === 'function';
}

/** The headers without the cookies. HTTP/2 has names with a colon, which are no headers here. */
export function copyOf(given: VisitorRequest['headers']): Headers {
  const copy = new Headers();
  for (const [name, value] of isStandard(given) ? given : Object.entries(given)) {
    if (!/^:|^cookie$/i.test(name) && value !== undefined) copy.set(name, String(value));
  }
  return copy;
}
