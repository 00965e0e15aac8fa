import type { Flaw } from '../errors/flaw.js';
import { isLoopbackHost } from './loopback-host.js';
import type { ResolvedSessionOptions } from './resolved-options.js';

/** Finds why browsers keep cookies from the pages that the options name. Only `issuer` tells the API's own host. */
export function cookieFlaws(options: ResolvedSessionOptions): Flaw[] {
  if (options.fixedTransferMethod === 'header') return [];
  const { cookie, issuer, trustedOrigins } = options;
  const host = issuer !== undefined && URL.canParse(issuer) ? new URL(issuer).hostname : undefined;
  const pages = [...trustedOrigins]
    .filter((each) => URL.canParse(each))
    .map((each) => new URL(each));
  const flaws: Flaw[] = [];
  const { domain } = cookie;
  if (
    host !== undefined &&
    domain !== undefined &&
    host !== domain &&
    !host.endsWith(`.${domain}`)
  ) {
    flaws.push({
      code: 'cookie-domain',
      cause: 'The host of `issuer` is not below `cookie.domain`: browsers drop the cookies.',
      cure: 'Set `cookie.domain` to a domain that the API is in, or leave it out.',
    });
  }
  const isElsewhere = ({ hostname }: URL): boolean => siteOf(hostname) !== siteOf(host ?? hostname);
  if (cookie.sameSite !== 'none' && pages.some(isElsewhere)) {
    flaws.push({
      code: 'cookie-same-site',
      cause:
        '`trustedOrigins` has a page on another site than `issuer`, and `cookie.sameSite` withholds its cookies.',
      cure: "Serve both below one domain, or set `cookie.sameSite` to 'none'.",
    });
  }
  if (cookie.secure !== false && pages.some(isPlain)) {
    flaws.push({
      code: 'plain-http',
      cause: '`trustedOrigins` has a page in plain http, whose browser drops Secure cookies.',
      cure: 'Serve it over https.',
    });
  }
  return flaws;
}

function isPlain({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !isLoopbackHost(hostname);
}

// Without the list of public suffixes, only this is sure: hosts that differ in these belong to two sites.
function siteOf(host: string): string {
  return host.split('.').slice(-2).join('.');
}
