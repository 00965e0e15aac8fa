import type { OptionReader } from './option-reader.js';
import type { ResolvedSessionOptions } from './resolved-options.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../time/units.js';

// NIST SP 800-63B-4 §2.1.3, §2.2.3 and §2.3.3: how long until the users must prove their identity again.
const LIMITS: ReadonlyMap<unknown, AssuranceLimits> = new Map([
  ['aal1', { absoluteMs: 30 * DAY_MS, idleMs: 30 * DAY_MS }],
  ['aal2', { absoluteMs: 24 * HOUR_MS, idleMs: HOUR_MS }],
  ['aal3', { absoluteMs: 12 * HOUR_MS, idleMs: 15 * MINUTE_MS }],
]);

/** The timeouts that a profile requires. */
interface AssuranceLimits {
  readonly absoluteMs: number;
  readonly idleMs: number;
}

/** The timeouts that the chosen profile requires; `undefined` without a profile, and for one that there is not. */
export function assuranceLimits(reader: OptionReader): AssuranceLimits | undefined {
  return limitsOf(reader.value('profile'));
}

/** Refuses a profile that there is not, and timeouts that are longer than the profile allows. */
export function checkAssurance(options: ResolvedSessionOptions, reader: OptionReader): void {
  const limits = reader.converted('profile', limitsOf, 'one of "aal1", "aal2", "aal3"');
  if (limits === undefined) return;
  refuseLonger('refreshTokenLifetime', options.refreshTokenLifetimeMs, limits.idleMs, reader);
  refuseLonger('absoluteTimeout', options.absoluteTimeoutMs ?? 0, limits.absoluteMs, reader);
}

function limitsOf(profile: unknown): AssuranceLimits | undefined {
  return LIMITS.get(profile);
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
