import type { ResolvedSessionOptions } from '../../options/resolved-options.js';

/** What is kept of the client, as far as the options ask for it. */
export interface DeviceInfo {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

export const NO_DEVICE: DeviceInfo = { ip: null, userAgent: null };

/** Before which moment of login nothing is kept of a client any more; `undefined` where it is as long as the session. */
export function devicesKeptSinceMs(
  options: Pick<ResolvedSessionOptions, 'device'>,
  nowMs: number,
): number | undefined {
  const { retentionMs } = options.device;
  return retentionMs === undefined ? undefined : nowMs - retentionMs;
}

/** What may still be told of a client, also where its row has not been pruned yet. */
export function keptDevice(
  session: DeviceInfo & { readonly createdAtMs: number },
  options: Pick<ResolvedSessionOptions, 'device'>,
  nowMs: number,
): DeviceInfo {
  const sinceMs = devicesKeptSinceMs(options, nowMs);
  if (sinceMs !== undefined && session.createdAtMs <= sinceMs) return NO_DEVICE;
  return { ip: session.ip, userAgent: session.userAgent };
}
