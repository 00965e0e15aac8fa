import type { SessionRecord } from '../store/session-record.js';

/** The sessions of the database that are not over. There are none of these where a service has no database. */
export interface LiveSessions {
  /** @throws {SessionStoreUnavailableException} */
  findLive(handle: string): Promise<SessionRecord | undefined>;
}

/** The injection token of the live sessions. */
export const LIVE_SESSIONS = Symbol('LIVE_SESSIONS');
