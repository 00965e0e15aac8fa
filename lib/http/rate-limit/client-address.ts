import { isIPv4, isIPv6 } from 'node:net';
import type { HttpRequest } from '../context/http-request.js';

const MAX_LENGTH = 64;

/**
 * The client's address as one text for all its spellings; of an IPv6 address the first 64 bits, as its holder has all
 * below them. It is the framework's: only that knows which proxies' headers to believe, so none is read here.
 *
 * @returns `undefined` where the framework knows none, as behind a Unix socket
 */
export function clientAddress({ ip }: Pick<HttpRequest, 'ip'>): string | undefined {
  if (typeof ip !== 'string' || ip === '') return undefined;
  const [address = ''] = ip.split('%');
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return ip.slice(0, MAX_LENGTH);
  const groups = groupsOf(address);
  const [, , , , , marker, high = 0, low = 0] = groups;
  const isMapped = marker === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

// URL writes every IPv6 address in one way (RFC 5952), without dots; what is left to do is to write its zeros out.
function groupsOf(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail ?? ''].map((part) => part.split(':').filter(Boolean));
  const present = [...(before ?? []), ...(after ?? [])].length;
  const zeros = Array.from({ length: 8 - present }, () => '0');
  return [...(before ?? []), ...zeros, ...(after ?? [])].map((group) => Number.parseInt(group, 16));
}
