import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import type { DeviceInfo } from '../../session/device/device-info.js';
import { headerOf, type HttpRequest } from './http-request.js';
import { canonicalIpAddress, truncatedIpAddress } from './ip-address.js';

const MAX_USER_AGENT_LENGTH = 256;

/**
 * The client's data that the options ask to keep. The framework supplies the address, because it knows the trusted
 * proxies.
 */
export function deviceOf(request: HttpRequest, options: ResolvedSessionOptions): DeviceInfo {
  const userAgent = headerOf(request, 'user-agent');
  return {
    ip: addressOf(request.ip, options.device.ip),
    userAgent: options.device.userAgent
      ? (userAgent?.replace(/[\p{Cc}\p{Surrogate}]/gu, ' ').slice(0, MAX_USER_AGENT_LENGTH) ?? null)
      : null,
  };
}

function addressOf(ip: string | undefined, kept: boolean | 'truncated'): string | null {
  if (ip === undefined || kept === false) return null;
  return (kept === true ? canonicalIpAddress(ip) : truncatedIpAddress(ip)) ?? null;
}
