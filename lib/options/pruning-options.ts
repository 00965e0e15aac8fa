import type { OptionReader } from './option-reader.js';
import type { Duration } from '../time/duration.js';
import type { ResolvedSessionOptions } from './resolved-options.js';

/** How expired rows are deleted. @publicApi */
export interface SessionPruningOptions {
  /** How often; 1 second to 1 year. @default '1h' */
  interval?: Duration;
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

/** How often ended rows are deleted, and how long they are kept until then. */
export function readPruning(
  reader: OptionReader,
): Pick<ResolvedSessionOptions, 'pruning' | 'endedSessionRetentionMs'> {
  return {
    pruning: readSweep(reader.nestedOrFalse('pruning')),
    endedSessionRetentionMs: reader.durationMs('endedSessionRetention', 0, 3650 * DAY, 7 * DAY),
  };
}

function readSweep(reader: OptionReader | false): ResolvedSessionOptions['pruning'] {
  if (!reader) return false;
  const intervalMs = reader.durationMs('interval', SECOND, 365 * DAY, HOUR);
  reader.refuseUnknown();
  return { intervalMs };
}
