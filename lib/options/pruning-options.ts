import type { OptionReader } from './option-reader.js';
import type { Duration } from '../time/duration.js';
import { DAY_MS, HOUR_MS, SECOND_MS, TEN_YEARS_MS } from '../time/units.js';
import type { ResolvedSessionOptions } from './resolved-options.js';

/** How expired rows are deleted. @publicApi */
export interface SessionPruningOptions {
  /** How often; 1 second to 1 year. @default '1h' */
  interval?: Duration;
}

/** How often ended rows are deleted, and how long they are kept until then. */
export function readPruning(
  reader: OptionReader,
): Pick<ResolvedSessionOptions, 'pruning' | 'endedSessionRetentionMs'> {
  return {
    pruning: readSweep(reader.nestedOrFalse('pruning')),
    endedSessionRetentionMs: reader.durationMs(
      'endedSessionRetention',
      0,
      TEN_YEARS_MS,
      7 * DAY_MS,
    ),
  };
}

function readSweep(reader: OptionReader | false): ResolvedSessionOptions['pruning'] {
  if (!reader) return false;
  const intervalMs = reader.durationMs('interval', SECOND_MS, 365 * DAY_MS, HOUR_MS);
  reader.refuseUnknown();
  return { intervalMs };
}
