import type { ResolvedVerifierOptions } from './resolve-verifier-options.js';

// A request costs the issuer more than a wait, so a few polls that wait are cheaper than many that don't.
const LONGEST_MS = 4_000;

/**
 * How long a poll lets the issuer hold back an answer that tells nothing, in whole seconds. The answer comes within the
 * time limit of a request, and before the news is too old.
 */
export function waitSeconds({
  revocations,
  requestTimeoutMs,
}: Pick<ResolvedVerifierOptions, 'revocations' | 'requestTimeoutMs'>): number {
  if (revocations === false) return 0;
  const { maxStalenessMs, pollIntervalMs } = revocations;
  const limits = [LONGEST_MS, requestTimeoutMs - 1_000];
  if (maxStalenessMs !== false) limits.push((maxStalenessMs - pollIntervalMs) / 4);
  return Math.max(0, Math.floor(Math.min(...limits) / 1_000));
}
