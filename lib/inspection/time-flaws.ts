import type { Flaw } from '../errors/flaw.js';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import type { ClockCorrection } from '../store/clock-correction.js';
import type { RevocationFeed } from '../revocation/revocation-feed.js';
import type { Clock } from '../time/clock.js';

const MOST_WRONG_MS = 2_000;

/**
 * Checks how far this machine's clock is from the database's. Sessions follow the database's clock, but other services
 * that verify tokens do not.
 *
 * @throws {SessionStoreUnavailableException} if the database can't be reached
 */
export async function clockFlaw(
  clock: Clock,
  correction: ClockCorrection,
): Promise<Flaw | undefined> {
  await correction.measure();
  const seconds = Math.round(Math.abs(clock.correctionMs) / 1000);
  if (Math.abs(clock.correctionMs) <= MOST_WRONG_MS) return undefined;
  return {
    code: 'clock',
    cause: `The clocks of this machine and of the database are ${seconds} seconds apart.`,
    cure: 'Synchronize both with NTP. Sessions follow the clock of the database, but services that verify tokens themselves do not.',
  };
}

/** Whether the news of revoked sessions has stopped coming. */
export function feedFlaw(
  feed: RevocationFeed,
  { revocation }: ResolvedSessionOptions,
): Flaw | undefined {
  // Before the start, nothing has been read yet. Reading a long feed for the first time takes a while.
  const ageMs = Math.abs(feed.reportedAgeMs ?? 0);
  if (revocation === false || !feed.isStale || ageMs <= Number(revocation.maxStalenessMs))
    return undefined;
  return {
    code: 'feed',
    cause: 'The feed of revoked sessions is older than `revocation.maxStaleness`.',
    cure: 'Check the log: the database does not answer, or refuses the statement.',
  };
}
