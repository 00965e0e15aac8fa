import type { ReadonlySession } from './readonly-session.js';

const endedByThemselves = new WeakSet<ReadonlySession>();

/** Whether a session's own request has ended it, so that the answer of that request is sent to its end. */
export function isEndedByItself(session: ReadonlySession): boolean {
  return endedByThemselves.has(session);
}

/**
 * Ends sessions by their own request.
 *
 * @param isOver whether a session has ended by the work, if it may go on
 * @throws the error of the work; the sessions are as before
 */
export async function endByThemselves<T>(
  sessions: readonly ReadonlySession[],
  work: () => Promise<T>,
  isOver: (session: ReadonlySession) => boolean = () => true,
): Promise<T> {
  for (const session of sessions) endedByThemselves.add(session);
  try {
    const result = await work();
    for (const session of sessions) if (!isOver(session)) endedByThemselves.delete(session);
    return result;
  } catch (error) {
    for (const session of sessions) endedByThemselves.delete(session);
    throw error;
  }
}
