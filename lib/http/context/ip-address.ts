import { isIPv4, isIPv6 } from 'node:net';

/** An address as numbers, the same for each of its spellings. */
export type IpAddress =
  | { readonly version: 4; readonly octets: readonly number[] }
  | { readonly version: 6; readonly groups: readonly number[] };

// Some proxies add the port, which differs for each connection. IPv6 addresses are then in brackets.
const WITH_PORT = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/;

/** An IPv4 address in IPv6 form (`::ffff:192.0.2.1`) is read as IPv4. A port is ignored. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const [, bracketed, plain] = WITH_PORT.exec(text) ?? [];
  const [address = ''] = (bracketed ?? plain ?? text).split('%');
  if (isIPv4(address)) return { version: 4, octets: address.split('.').map(Number) };
  if (!isIPv6(address)) return undefined;
  const groups = groupsOf(address);
  const [, , , , , marker, high = 0, low = 0] = groups;
  const isMapped = marker === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped
    ? { version: 4, octets: [high >> 8, high & 255, low >> 8, low & 255] }
    : { version: 6, groups };
}

/** The canonical spelling of an address (RFC 5952), without a port or a zone; `undefined` if it is not an address. */
export function canonicalIpAddress(text: string): string | undefined {
  const address = parseIpAddress(text);
  if (address === undefined) return undefined;
  if (address.version === 4) return address.octets.join('.');
  return new URL(`http://[${hex(address.groups)}]`).hostname.slice(1, -1);
}

/** Only the network of an address: 24 bits of IPv4, 48 of IPv6; `undefined` if it is not an address. */
export function truncatedIpAddress(text: string): string | undefined {
  const address = parseIpAddress(text);
  if (address === undefined) return undefined;
  if (address.version === 4) return `${address.octets.slice(0, 3).join('.')}.0`;
  return `${hex(address.groups.slice(0, 3))}::`;
}

export function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

// URL writes every IPv6 address in one way (RFC 5952), without dots, so only its zeros remain to be expanded.
function groupsOf(address: string): number[] {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const before = head.split(':').filter(Boolean);
  const after = tail.split(':').filter(Boolean);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}
