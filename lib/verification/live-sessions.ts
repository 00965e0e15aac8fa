import type { SessionRecord } from '../store/session-record.js';

/** When a session ends without another refresh, in milliseconds since the epoch. */
export interface EndByTime {
  readonly reason: 'expired-idle' | 'expired-absolute';
  readonly atMs: number;
}

/** The live sessions of the database. A service without a database has none. */
export interface LiveSessions {
  /** @throws {SessionStoreUnavailableException} */
  findLive(handle: string): Promise<SessionRecord | undefined>;
}

/** The same with their ends, if there is a database, for connections that stay open for hours. */
export interface EndingSessions extends LiveSessions {
  /**
   * When sessions end without another refresh, and by which timeout, in few statements. Sessions without a row are
   * omitted.
   *
   * @throws {SessionStoreUnavailableException}
   */
  endsOf?(handles: readonly string[]): Promise<ReadonlyMap<string, EndByTime>>;
}

/** The injection token of the live sessions. */
export const LIVE_SESSIONS = Symbol('LIVE_SESSIONS');
