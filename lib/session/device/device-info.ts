import type { ResolvedSessionOptions } from '../../options/resolved-options.js';

/** The stored properties of the client, as far as the options ask for them. */
export interface DeviceInfo {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

export const NO_DEVICE: DeviceInfo = { ip: null, userAgent: null };

/** The login time before which clients' data is no longer kept; `undefined` if it is kept as long as the session. */
export function devicesKeptSinceMs(
  options: Pick<ResolvedSessionOptions, 'device'>,
  nowMs: number,
): number | undefined {
  const { retentionMs } = options.device;
  return retentionMs === undefined ? undefined : nowMs - retentionMs;
}

/** The client's data that may still be shown, even if its row has not been pruned yet. */
export function keptDevice(
  session: DeviceInfo & { readonly createdAtMs: number },
  options: Pick<ResolvedSessionOptions, 'device'>,
  nowMs: number,
): DeviceInfo {
  const sinceMs = devicesKeptSinceMs(options, nowMs);
  if (sinceMs !== undefined && session.createdAtMs <= sinceMs) return NO_DEVICE;
  return { ip: session.ip, userAgent: session.userAgent };
}
