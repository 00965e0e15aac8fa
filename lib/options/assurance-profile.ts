import type { OptionReader } from './option-reader.js';
import type { ResolvedSessionOptions } from './resolved-options.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../time/units.js';

// NIST SP 800-63B-4 §2.1.3, §2.2.3 and §2.3.3: how long until the users must prove their identity again.
const LIMITS = {
  aal1: { absoluteMs: 30 * DAY_MS, idleMs: 30 * DAY_MS },
  aal2: { absoluteMs: 24 * HOUR_MS, idleMs: HOUR_MS },
  aal3: { absoluteMs: 12 * HOUR_MS, idleMs: 15 * MINUTE_MS },
};

/** The timeouts that the chosen profile requires; `undefined` without a profile. */
export function assuranceLimits(reader: OptionReader): (typeof LIMITS)['aal1'] | undefined {
  if (reader.value('profile') === undefined) return undefined;
  return LIMITS[reader.oneOf('profile', ['aal1', 'aal2', 'aal3'], 'aal1')];
}

/** Refuses timeouts that are longer than the profile allows. */
export function checkAssurance(options: ResolvedSessionOptions, reader: OptionReader): void {
  const limits = assuranceLimits(reader);
  if (limits === undefined) return;
  refuseLonger('refreshTokenLifetime', options.refreshTokenLifetimeMs, limits.idleMs, reader);
  refuseLonger('absoluteTimeout', options.absoluteTimeoutMs ?? 0, limits.absoluteMs, reader);
}

function refuseLonger(
  name: string,
  givenMs: number,
  allowedMs: number,
  reader: OptionReader,
): void {
  if (givenMs <= allowedMs) return;
  reader.problem(
    name,
    `is ${givenMs / 1000} seconds; the chosen \`profile\` allows at most ${allowedMs / 1000}`,
  );
}
