import { headerOf, hostOf, type HttpRequest } from '../context/http-request.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Methods that must not change anything (RFC 9110 §9.2.1), and so need no proof of where they come from. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method.toUpperCase());
}

/**
 * Whether a request may be another site's page acting for the user. Browsers say so in `Sec-Fetch-Site`, older ones only
 * in `Origin`; a request with neither comes from no page of a browser.
 *
 * @see W3C Fetch Metadata Request Headers
 */
export function isCrossSite(request: HttpRequest, trustedOrigins: ReadonlySet<string>): boolean {
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && trustedOrigins.has(origin)) return false;
  const site = headerOf(request, 'sec-fetch-site');
  if (site !== undefined) return site === 'cross-site';
  return origin !== undefined && !isOwnOrigin(origin, request);
}

function isOwnOrigin(origin: string, request: HttpRequest): boolean {
  return URL.canParse(origin) && new URL(origin).host === normalisedHost(request);
}

// `URL.host` leaves out the port that the scheme implies, so the header's has to go too.
function normalisedHost(request: HttpRequest): string {
  return hostOf(request).replace(/:(80|443)$/, '');
}
