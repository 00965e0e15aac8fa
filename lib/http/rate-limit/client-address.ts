import type { HttpRequest } from '../context/http-request.js';
import { hex, parseIpAddress } from '../context/ip-address.js';

const MAX_LENGTH = 64;

/**
 * The client's address, the same text for all spellings. For IPv6, it is only the first 64 bits, because one holder has
 * all addresses below them. The framework supplies it, because only the framework knows which proxies' headers to
 * trust.
 *
 * @returns `undefined` if the framework has no address, as behind a Unix socket
 */
export function clientAddress({ ip }: Pick<HttpRequest, 'ip'>): string | undefined {
  if (typeof ip !== 'string' || ip === '') return undefined;
  const address = parseIpAddress(ip);
  if (address === undefined) return ip.slice(0, MAX_LENGTH);
  if (address.version === 4) return address.octets.join('.');
  return `${hex(address.groups.slice(0, 4))}::/64`;
}
