import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import type { DeviceInfo } from '../../session/device-info.js';
import { headerOf, type HttpRequest } from './http-request.js';

const MAX_USER_AGENT_LENGTH = 256;
const MAX_IP_LENGTH = 64;

/** What the options ask to keep of the client. The address is the framework's: it knows which proxies to trust. */
export function deviceOf(request: HttpRequest, options: ResolvedSessionOptions): DeviceInfo {
  const userAgent = headerOf(request, 'user-agent');
  return {
    ip: options.device.ip ? (request.ip?.slice(0, MAX_IP_LENGTH) ?? null) : null,
    userAgent: options.device.userAgent
      ? (userAgent?.replace(/[\p{Cc}\p{Surrogate}]/gu, ' ').slice(0, MAX_USER_AGENT_LENGTH) ?? null)
      : null,
  };
}
