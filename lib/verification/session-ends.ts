import type { SessionEndReason } from '../events/end-reason.js';
import type { SessionEndedException } from '../errors/session-ended.exception.js';
import type { AccessTokenClaims } from '../tokens/access-token.js';

/** Why an open connection of a session ends. @publicApi */
export type LiveEndReason =
  | SessionEndReason
  /** The access token that opened it has ended; the session may live. */
  | 'token-expired'
  /** The key that signed the access token, or a later one, was revoked; the session lives. */
  | 'signing-key-revoked'
  /** The claims no longer satisfy the route; the session lives. */
  | 'claims'
  /** Required claims have changed, and only a refresh at the issuer fetches them again; the session lives. */
  | 'claims-stale';

/** The end of an open connection of a session. @publicApi */
export interface LiveEnd {
  readonly reason: LiveEndReason;
  readonly sessionHandle: string;
  readonly userId: string;
  readonly tenantId: string;
  /** When this instance found out, in milliseconds since the epoch. */
  readonly atMs: number;
  /** The error for the client. */
  readonly error: SessionEndedException;
}

/** A session with an open connection, known by the access token that was shown for it. */
export interface HeldSession {
  readonly accessToken: string;
  readonly claims: Readonly<AccessTokenClaims>;
}

/** An object that reports its own closing, such as a response or a socket. */
export interface Closing {
  once(event: 'close', listener: () => void): unknown;
}

/** Reports the end of a session to the holders of its open connections. */
export interface SessionEnds {
  /** Calls once, at the end, unless it is disposed of earlier. */
  watch(session: HeldSession, onEnd: (end: LiveEnd) => void): Disposable;

  /**
   * A signal that is aborted at the end, with the end's error as its reason.
   *
   * @param scope nobody listens any more after it has closed
   */
  signalOf(session: HeldSession, scope: Closing | undefined): AbortSignal;
}

/** The injection token of the ends. */
export const SESSION_ENDS = Symbol('SESSION_ENDS');
