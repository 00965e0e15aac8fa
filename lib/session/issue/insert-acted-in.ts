import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import type { EndedSessions, SessionRevoker } from '../end/session-revoker.js';
import type { AskedImpersonation } from './session-request.js';

// Each loser has met another that won, so only as many meet as somebody begins at once.
const MAX_RACES = 20;

/**
 * Writes a session in which somebody acts as its user, and ends the one in which they acted until now. The actor's row
 * comes first, as it does when that session is ended: either it already names this session, or it is gone.
 *
 * @param replaced further sessions that end with it
 * @throws {UnauthorizedSessionException} if the actor's session is over
 */
export async function insertActedIn(
  database: SessionDatabase,
  revoker: SessionRevoker,
  record: SessionRecord,
  { actor, former }: AskedImpersonation,
  replaced: readonly string[],
): Promise<void> {
  const ending = { reason: 'impersonation-ended', detail: actor.userId } as const;
  let current = former;
  for (let races = 0; races < MAX_RACES; races += 1) {
    const named = { from: current, to: record.handle, nowMs: record.createdAtMs };
    const others = current === null ? replaced : [current, ...replaced];
    const insert = async (transaction: SessionDatabase): Promise<EndedSessions | undefined> => {
      const store = new SessionStore(transaction);
      if (!(await store.noteImpersonation(actor.handle, named))) return undefined;
      await store.insert(record);
      return revoker.endIn(transaction, others, ending);
    };
    const ended = await database.transaction(insert, {
      whenLate: 'undo',
      onCommit: (outcome) => {
        if (outcome !== undefined) revoker.announce(outcome);
      },
      locks: [actor.handle, ...others],
    });
    if (ended !== undefined) return;
    const own = await new SessionStore(database).find(actor.handle);
    if (own === undefined || own.impersonating === current) {
      throw new UnauthorizedSessionException({ reason: 'session-over', clearTokens: false });
    }
    current = own.impersonating;
  }
  throw new SessionStoreUnavailableException({
    cause: new Error('the impersonation did not settle'),
  });
}
