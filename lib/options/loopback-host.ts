// localhost and its subdomains (RFC 6761 §6.3), 127.0.0.0/8 and ::1, with or without a port.
const LOOPBACK_HOST = /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

/** Whether a host, in lower case, is this machine. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK_HOST.test(host);
}
