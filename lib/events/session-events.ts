import type { RefusalReason } from '../errors/refusal-reason.js';
import type { DeviceProofRefusal } from '../errors/device-proof-refused.exception.js';
import type { SessionErrorCode } from '../errors/error-statuses.js';
import type { RevocationReason } from './end-reason.js';

/** An actor, and the user as whom they act. @publicApi */
export interface Impersonation {
  /** The person who acts, and their own session. */
  actorId: string;
  actorSessionHandle: string;
  /** The user as whom they act, and that user's session. */
  userId: string;
  tenantId: string;
  sessionHandle: string;
  /** The reason, in the actor's words. */
  reason: string;
  atMs: number;
}

/**
 * Events of sessions and of the keys behind them, by name. Times in milliseconds since the epoch. No event holds a
 * token or a claim.
 *
 * @publicApi
 */
export interface SessionEvents {
  created: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    /** The actor's id, if somebody else acts as the user. */
    actorId?: string;
  };
  /** Somebody has begun to act as a user (`impersonate`). */
  impersonationStarted: Impersonation;
  /** A session in which somebody acted as a user was ended. A timeout ends one without this event. */
  impersonationEnded: Impersonation;
  /** A refresh token was replaced. */
  refreshed: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    generation: number;
  };
  /** A refresh was requested again (a lost answer, two tabs) and answered without a new generation. */
  repeated: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    as: 'repeat' | 'sibling';
    /** How long ago the repeated refresh token was replaced, in milliseconds. */
    rotatedAgoMs: number;
    /** Whether the address or browser differs from those of the login; always false if `device` keeps neither. */
    isFromOtherClient: boolean;
  };
  /** A refresh came from another address or browser than the login. Sent each time, as far as `device` keeps them. */
  clientChanged: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    changed: readonly ('ip' | 'userAgent')[];
  };
  /** A browser bound its session to a key of the device. */
  bound: { sessionHandle: string; userId: string; tenantId: string; atMs: number };
  /**
   * A proof of a device failed by its form, its signature or its challenge. This alone is no sign of theft, because a
   * session's handle is not secret. `sessionHandle` and `userId` are present if a session was found.
   */
  proofFailed: {
    at: 'registration' | 'refresh';
    reason: DeviceProofRefusal;
    atMs: number;
    sessionHandle?: string;
    userId?: string;
  };
  /**
   * A spent refresh token came back, and the session has been revoked. Sent once for each session, however many
   * replays.
   */
  theftDetected: { sessionHandle: string; userId: string; tenantId: string; atMs: number };
  revoked: {
    sessionHandle: string;
    userId: string;
    tenantId: string;
    atMs: number;
    reason: RevocationReason;
    /** The person who revoked it, as `explain` reports it. */
    detail: string | null;
  };
  /** A key of the server was made: for access tokens, for `createJWT`, or under refresh tokens. */
  keyMade: { kid: string; kind: 'dynamic' | 'static' | 'mac'; atMs: number };
  /** `revokeKey` took a key of the server out of use. */
  keyRevoked: { kid: string; atMs: number };
  /** A request was refused. `sessionHandle` and `userId` are present if an authentic token or a row names them. */
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

/**
 * The place that refused a request. `handler`: the application's own code; `revocations`: the feed for other services.
 *
 * @publicApi
 */
export type RefusedAt =
  'verify' | 'refresh' | 'bind' | 'login' | 'sign-out' | 'handshake' | 'handler' | 'revocations';

/** The name of an event. @publicApi */
export type SessionEventName = keyof SessionEvents;

const NAMES: Readonly<Record<SessionEventName, true>> = {
  created: true,
  impersonationStarted: true,
  impersonationEnded: true,
  refreshed: true,
  repeated: true,
  clientChanged: true,
  bound: true,
  proofFailed: true,
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
