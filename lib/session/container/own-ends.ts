import type { ReadonlySession } from './readonly-session.js';

const endedByThemselves = new WeakSet<ReadonlySession>();

/** Whether a session's own request has ended it, so that the answer of that request is sent to its end. */
export function isEndedByItself(session: ReadonlySession): boolean {
  return endedByThemselves.has(session);
}

/**
 * Ends sessions by their own request.
 *
 * @throws the error of the work; the sessions are as before
 */
export async function endByThemselves<T>(
  sessions: readonly ReadonlySession[],
  work: () => Promise<T>,
): Promise<T> {
  for (const session of sessions) endedByThemselves.add(session);
  try {
    return await work();
  } catch (error) {
    for (const session of sessions) endedByThemselves.delete(session);
    throw error;
  }
}
