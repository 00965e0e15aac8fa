import type { ReadonlySession } from './readonly-session.js';

interface OwnEnd {
  /** How many pieces of work may end the session, and are not done. */
  underWay: number;
  isEnded: boolean;
  readonly waiting: (() => void)[];
}

const ownEnds = new WeakMap<ReadonlySession, OwnEnd>();

/**
 * Whether a session's own request has ended it, or is about to, so that the answer of that request is sent to its end.
 */
export function isEndedByItself(session: ReadonlySession): boolean {
  const own = ownEnds.get(session);
  return own !== undefined && (own.isEnded || own.underWay > 0);
}

/** Calls for a session that is over, unless its own request has ended it. Work that is under way decides first. */
export function unlessEndedByItself(session: ReadonlySession, onEnd: () => void): void {
  const own = ownEnds.get(session);
  if (own === undefined || !isEndedByItself(session)) onEnd();
  else if (!own.isEnded) own.waiting.push(onEnd);
}

/**
 * Does work of the sessions' own request that may end them.
 *
 * @param endedBy the handles of the sessions that the work has ended, or has put another in the place of
 * @throws the error of the work, which has then ended none
 */
export async function endByThemselves<T>(
  sessions: readonly ReadonlySession[],
  work: () => Promise<T>,
  endedBy: (result: T) => readonly string[],
): Promise<T> {
  for (const session of sessions) ownEndOf(session).underWay += 1;
  try {
    const result = await work();
    const ended = endedBy(result);
    for (const session of sessions) {
      if (ended.includes(session.getHandle())) ownEndOf(session).isEnded = true;
    }
    return result;
  } finally {
    for (const session of sessions) finish(ownEndOf(session));
  }
}

function ownEndOf(session: ReadonlySession): OwnEnd {
  const known = ownEnds.get(session) ?? { underWay: 0, isEnded: false, waiting: [] };
  ownEnds.set(session, known);
  return known;
}

function finish(own: OwnEnd): void {
  own.underWay -= 1;
  if (own.underWay > 0) return;
  const told = own.waiting.splice(0);
  if (!own.isEnded) for (const onEnd of told) onEnd();
}
