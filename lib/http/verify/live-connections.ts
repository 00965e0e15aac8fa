import type { ReadonlySession } from '../../session/container/readonly-session.js';

/** The open connections, each with the session that opened it. */
export interface LiveConnections {
  /** The session of a connection; `'ended'` if that is over, `undefined` if it has none. */
  sessionOf(connection: object): ReadonlySession | 'ended' | undefined;

  /** Keeps a connection that a guard has admitted. It is closed when the session ends. */
  hold(connection: object, gateway: object, session: ReadonlySession): void;
}

/** The injection token of the connections. */
export const LIVE_CONNECTIONS = Symbol('LIVE_CONNECTIONS');
