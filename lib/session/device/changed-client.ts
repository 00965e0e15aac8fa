import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import { keptDevice, type DeviceInfo } from './device-info.js';

const PARTS = ['ip', 'userAgent'] as const;

/**
 * The differences between a client and the one that logged in, as far as they are kept. They are only advice, and
 * refuse nobody: addresses change on the way, and browsers update themselves.
 */
export function changedParts(
  session: DeviceInfo & { readonly createdAtMs: number },
  client: DeviceInfo,
  options: Pick<ResolvedSessionOptions, 'device'>,
  nowMs: number,
): (typeof PARTS)[number][] {
  const kept = keptDevice(session, options, nowMs);
  return PARTS.filter(
    (part) => kept[part] !== null && client[part] !== null && kept[part] !== client[part],
  );
}
