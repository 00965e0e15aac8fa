import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import { headerOf, hostOf, type HttpRequest } from '../context/http-request.js';
import { namesLoopback } from '../transport/loopback.js';
import { RID_HEADER } from '../transport/header-names.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Methods that must not change anything (RFC 9110 §9.2.1), and so need no proof of where they come from. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method.toUpperCase());
}

/** Whose pages may act for the user. */
type Trust = Pick<ResolvedSessionOptions, 'trustedOrigins' | 'trustSameSite'> & {
  readonly cookie: Pick<ResolvedSessionOptions['cookie'], 'secure'>;
};

/**
 * Whether a request may be another site's page acting for the user. Browsers say so in `Sec-Fetch-Site`, older ones only
 * in `Origin`; a request with neither comes from no page of a browser.
 *
 * @see W3C Fetch Metadata Request Headers
 */
export function isCrossSite(request: HttpRequest, trust: Trust): boolean {
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && trust.trustedOrigins.has(origin)) return false;
  const site = headerOf(request, 'sec-fetch-site');
  if (site === 'same-site') return !trust.trustSameSite;
  if (site !== undefined) return site === 'cross-site';
  return origin !== undefined && !isOwnOrigin(origin, request, trust);
}

/**
 * Whether a request shows the header that a page can send across origins only after a preflight: so CORS decides who may,
 * and, where `trustedOrigins` names them, none but those.
 */
export function hasCustomHeader(request: HttpRequest, trust: Trust): boolean {
  if (headerOf(request, RID_HEADER) === undefined) return false;
  return trust.trustedOrigins.size === 0 || !isCrossSite(request, trust);
}

/**
 * Whether a WebSocket handshake may be another origin's page: any page can open a socket with its visitor's cookies and
 * read what comes, as no CORS policy stands before it. Browsers say so in `Sec-Fetch-Site`, and all of them name the
 * origin (RFC 6455 §10.2).
 */
export function isForeignHandshake(request: HttpRequest, trust: Trust): boolean {
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && trust.trustedOrigins.has(origin)) return false;
  const site = headerOf(request, 'sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && !isOwnOrigin(origin, request, trust);
}

/**
 * Whether another site's page has put a request into itself, as by an image: its visitor has asked for nothing. Logins
 * that come from elsewhere, such as a provider's callback, are navigations.
 */
export function isEmbeddedElsewhere(request: HttpRequest, trust: Trust): boolean {
  return headerOf(request, 'sec-fetch-mode') === 'no-cors' && isCrossSite(request, trust);
}

// A page in plain http is anybody's on the way: it is another origin wherever the cookies are Secure.
function isOwnOrigin(origin: string, request: HttpRequest, { cookie }: Trust): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  if (host !== normalisedHost(request)) return false;
  if (protocol === 'https:') return true;
  if (protocol !== 'http:' || request.socket?.encrypted === true) return false;
  return cookie.secure === false || namesLoopback(request);
}

// `URL.host` leaves out the port that the scheme implies, so the header's has to go too.
function normalisedHost(request: HttpRequest): string {
  return hostOf(request).replace(/:(80|443)$/, '');
}
