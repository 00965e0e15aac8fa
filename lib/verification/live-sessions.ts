import type { HeldRow } from '../store/session-outline.js';
import type { SessionRecord } from '../store/session-record.js';

/** When a session ends without another refresh, in milliseconds since the epoch. */
export interface EndByTime {
  readonly reason: 'expired-idle' | 'expired-absolute';
  readonly atMs: number;
}

/** The row of a session that is held open, whether or not the session has ended. */
export interface HeldSessionRow {
  readonly row: HeldRow;
  readonly end: EndByTime;
  /** Whether it is bound to a device by now. */
  readonly isBound: boolean;
}

/** The live sessions of the database. A service without a database has none. */
export interface LiveSessions {
  /** @throws {SessionStoreUnavailableException} */
  findLive(handle: string): Promise<SessionRecord | undefined>;

  /**
   * Whether a session without a row was replaced by another of the same client, so recently that the client's requests
   * and the answer with its new tokens may have crossed. An answer must not remove those.
   */
  wasJustReplaced?(handle: string): Promise<boolean>;

  /** Without rows: asks for news where it is too old. A service that was suspended has heard none meanwhile. */
  catchUp?(): Promise<void>;
}

/** The same with all rows, if there is a database, for connections that stay open for hours. */
export interface EndingSessions extends LiveSessions {
  /**
   * The rows of sessions, and when these end without another refresh, in few statements. Sessions without a row are
   * omitted.
   *
   * @throws {SessionStoreUnavailableException}
   */
  heldRows?(handles: readonly string[]): Promise<ReadonlyMap<string, HeldSessionRow>>;
}

/** The injection token of the live sessions. */
export const LIVE_SESSIONS = Symbol('LIVE_SESSIONS');
