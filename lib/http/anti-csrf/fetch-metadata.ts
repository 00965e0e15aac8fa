import type { ResolvedVerificationOptions } from '../../options/resolved-options.js';
import { headerOf, hostOf, type HttpRequest } from '../context/http-request.js';
import { namesLoopback } from '../transport/loopback.js';
import { RID_HEADER } from '../transport/header-names.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Methods that must not change anything (RFC 9110 §9.2.1), and so need no proof of their origin. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method.toUpperCase());
}

/** Decides which pages may act for the user. */
type Trust = Pick<ResolvedVerificationOptions, 'trustedOrigins' | 'trustSameSite'> & {
  readonly cookie: Pick<ResolvedVerificationOptions['cookie'], 'secure'>;
};

/**
 * Whether a request may come from another site's page that acts for the user. Browsers say so in `Sec-Fetch-Site`, and
 * older ones only in `Origin`. A request with neither does not come from a browser page.
 *
 * @see W3C Fetch Metadata Request Headers
 */
export function isCrossSite(request: HttpRequest, trust: Trust): boolean {
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && trust.trustedOrigins.has(origin)) return false;
  const site = headerOf(request, 'sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return false;
  if (site === 'same-site') return !trust.trustSameSite;
  // A value that no browser sends, as of a proxy that sets it too, proves nothing.
  if (origin === undefined) return site !== undefined;
  return site === 'cross-site' || !isOwnOrigin(origin, request, trust);
}

/**
 * Whether a request has a header that a page can send across origins only after a preflight. So CORS decides who may
 * send it. If `trustedOrigins` names origins, only those may.
 */
export function hasCustomHeader(request: HttpRequest, trust: Trust): boolean {
  if (headerOf(request, RID_HEADER) === undefined) return false;
  return trust.trustedOrigins.size === 0 || !isCrossSite(request, trust);
}

/**
 * Whether a WebSocket handshake may come from a page of another origin. Any page can open a socket with its visitor's
 * cookies and read the answers, because no CORS policy applies. Browsers say so in `Sec-Fetch-Site`, and all of them
 * name the origin (RFC 6455 §10.2).
 */
export function isForeignHandshake(request: HttpRequest, trust: Trust): boolean {
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && trust.trustedOrigins.has(origin)) return false;
  const site = headerOf(request, 'sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && !isOwnOrigin(origin, request, trust);
}

/** Whether a login may come from another site's page, so that it logs the visitor in as somebody else. */
export function isForeignLogin(request: HttpRequest, trust: Trust): boolean {
  if (isCrossSite(request, trust)) return true;
  // A sibling's page can have a page loaded ahead, with its visitor's cookies. Browsers call that the user's own.
  return !trust.trustSameSite && isSafeMethod(request.method) && isLoadedAhead(request);
}

/**
 * Whether a visitor follows a link, or a login provider sends them back. A page that embeds or fetches something does
 * so without its visitor's knowledge.
 */
export function isFollowedLink(request: HttpRequest): boolean {
  if (!isSafeMethod(request.method)) return false;
  if (headerOf(request, 'sec-fetch-mode') !== 'navigate' || isLoadedAhead(request)) return false;
  const destination = headerOf(request, 'sec-fetch-dest');
  // A service worker of ours that passes a navigation on makes this `empty`. It may see frames of sibling hosts, but
  // none of other sites.
  const isPassedOn =
    destination === 'empty' && headerOf(request, 'sec-fetch-site') === 'cross-site';
  return destination === 'document' || isPassedOn;
}

/**
 * Whether another site's page embeds a request, such as an image, so that its visitor has asked for nothing. No
 * provider's callback comes in this way.
 */
export function isEmbeddedElsewhere(request: HttpRequest, trust: Trust): boolean {
  return headerOf(request, 'sec-fetch-mode') === 'no-cors' && isCrossSite(request, trust);
}

function isLoadedAhead(request: HttpRequest): boolean {
  return headerOf(request, 'sec-purpose') !== undefined;
}

// Anyone on the network path can forge a plain http page, so it is another origin if the cookies are Secure.
function isOwnOrigin(origin: string, request: HttpRequest, { cookie }: Trust): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  if (host !== normalisedHost(request)) return false;
  if (protocol === 'https:') return true;
  if (protocol !== 'http:' || request.socket?.encrypted === true) return false;
  return cookie.secure === false || namesLoopback(request);
}

// `URL.host` omits the scheme's default port, so the header's default port is removed too.
function normalisedHost(request: HttpRequest): string {
  return hostOf(request).replace(/:(80|443)$/, '');
}
