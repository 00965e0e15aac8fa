import type { HttpRequest } from '../context/http-request.js';
import { hex, parseIpAddress } from '../context/ip-address.js';

const MAX_LENGTH = 64;

/**
 * The client's address as one text for all its spellings; of an IPv6 address the first 64 bits, as its holder has all
 * below them. It is the framework's: only that knows which proxies' headers to believe, so none is read here.
 *
 * @returns `undefined` where the framework knows none, as behind a Unix socket
 */
export function clientAddress({ ip }: Pick<HttpRequest, 'ip'>): string | undefined {
  if (typeof ip !== 'string' || ip === '') return undefined;
  const address = parseIpAddress(ip);
  if (address === undefined) return ip.slice(0, MAX_LENGTH);
  if (address.version === 4) return address.octets.join('.');
  return `${hex(address.groups.slice(0, 4))}::/64`;
}
