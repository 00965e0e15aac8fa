import type { HeldRow } from '../../store/session-outline.js';
import type { SessionRecord } from '../../store/session-record.js';
import type { VerifiedToken } from '../verify/verified-token-cache.js';
import type { ReadonlySession } from './readonly-session.js';

/** Creates the session objects of the application: writable for the owner of sessions, read-only elsewhere. */
export interface VerifiedSessions<S extends ReadonlySession> {
  /** A session with a verified token, without reading its row. */
  remembered(token: VerifiedToken): S;

  /** @param record the row, if it was read */
  verified(token: VerifiedToken, record?: SessionRecord): Promise<S>;

  /** Gives a session that is held open the claims of its row. No answer brings its client a token of them. */
  takeRow(session: S, row: HeldRow): Promise<void>;

  /** Has a session's changes written to the answer of its request. */
  attach(
    session: S,
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header',
  ): void;

  /** Limits a session's further changes, as those of one answer are. */
  limitChanges(session: S): void;
}

/** The injection token of the sessions. */
export const VERIFIED_SESSIONS = Symbol('VERIFIED_SESSIONS');
