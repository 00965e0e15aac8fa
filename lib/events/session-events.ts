import type { RefusalReason } from '../errors/refusal-reason.js';
import type { SessionErrorCode } from '../errors/session.exception.js';

/** All reasons for which a session can end before its time. */
export const REVOCATION_REASONS = [
  'sign-out',
  'revoked',
  'revoked-all',
  'revoked-others',
  'revoked-tenant',
  'revoked-everything',
  'replaced-by-login',
  'reauthenticated',
  'session-limit',
  'user-forgotten',
  'token-theft',
] as const;

/** Why a session ended before its time. @publicApi */
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/**
 * What happens to sessions and to the keys behind them, by name. Times in milliseconds since the epoch. No event holds a token or a claim.
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
    /** How long ago the refresh token was replaced that is asked for again, in milliseconds. */
    rotatedAgoMs: number;
    /** Whether address or browser are not those of the login; always false where `device` keeps neither. */
    isFromOtherClient: boolean;
  };
  /** A refresh came from another address or browser than the login; told each time, as far as `device` keeps them. */
  clientChanged: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    changed: readonly ('ip' | 'userAgent')[];
  };
  /** A spent refresh token came back; the session has been revoked. Once for a session, however many replays. */
  theftDetected: { sessionHandle: string; userId: string; tenantId: string; atMs: number };
  revoked: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    reason: RevocationReason;
    /** Who revoked it, as `explain` tells it. */
    detail: string | null;
  };
  /** A key of the server was made: for access tokens, for `createJWT`, or under refresh tokens. */
  keyMade: { kid: string; kind: 'dynamic' | 'static' | 'mac'; atMs: number };
  /** A key of the server was taken out of use by `revokeKey`. */
  keyRevoked: { kid: string; atMs: number };
  /** A request was refused. `sessionHandle` and `userId` are there where an authentic token or a row names them. */
  refused: {
    at: RefusedAt;
    code: SessionErrorCode;
    reason: RefusalReason;
    atMs: number;
    sessionHandle?: string;
    userId?: string;
  };
  antiCsrfFailed: { atMs: number; at: 'verify' | 'refresh' | 'sign-out' | 'handshake' };
}

/** Where a request was refused. `handler`: by the application's own code. @publicApi */
export type RefusedAt = 'verify' | 'refresh' | 'login' | 'sign-out' | 'handshake' | 'handler';

/** The name of an event. @publicApi */
export type SessionEventName = keyof SessionEvents;

const NAMES: Readonly<Record<SessionEventName, true>> = {
  created: true,
  refreshed: true,
  repeated: true,
  clientChanged: true,
  theftDetected: true,
  revoked: true,
  keyMade: true,
  keyRevoked: true,
  antiCsrfFailed: true,
  refused: true,
};

export function isSessionEventName(name: unknown): name is SessionEventName {
  return typeof name === 'string' && Object.hasOwn(NAMES, name);
}
