/** Why a session ended before its time. @publicApi */
export type RevocationReason =
  | 'sign-out'
  | 'revoked'
  | 'revoked-all'
  | 'revoked-others'
  | 'revoked-tenant'
  | 'revoked-everything'
  | 'replaced-by-login'
  | 'reauthenticated'
  | 'session-limit'
  | 'user-forgotten'
  | 'token-theft';

/**
 * What happens to sessions, by name. Times in milliseconds since the epoch. No event holds a token or a claim.
 *
 * @publicApi
 */
export interface SessionEvents {
  created: { sessionHandle: string; userId: string; tenantId: string; atMs: number };
  /** A refresh token was replaced. */
  refreshed: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    generation: number;
  };
  /** A refresh was asked for again (a lost answer, two tabs) and answered without a new generation. */
  repeated: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    as: 'repeat' | 'sibling';
  };
  /** A spent refresh token came back; the session has been revoked. Once for a session, however many replays. */
  theftDetected: { sessionHandle: string; userId: string; tenantId: string; atMs: number };
  revoked: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    reason: RevocationReason;
  };
  antiCsrfFailed: { atMs: number; at: 'verify' | 'refresh' | 'sign-out' | 'handshake' };
}

/** The name of an event. @publicApi */
export type SessionEventName = keyof SessionEvents;
