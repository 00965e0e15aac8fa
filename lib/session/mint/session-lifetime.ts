import { longestAccessTokenMs } from '../../options/device-binding-options.js';
import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';

type LifetimeOptions = Pick<
  ResolvedSessionOptions,
  | 'accessTokenLifetimeMs'
  | 'refreshTokenLifetimeMs'
  | 'nonPersistentLifetimeMs'
  | 'absoluteTimeoutMs'
>;

/** The last moment of a session, however often it is refreshed (ASVS 7.3.2). */
export function absoluteEndMs(createdAtMs: number, options: LifetimeOptions): number {
  return createdAtMs + (options.absoluteTimeoutMs ?? Number.POSITIVE_INFINITY);
}

/**
 * When a session ends that is active now and never again (ASVS 7.3.1). A session in which somebody else acts has a
 * fixed end.
 */
export function sessionExpiresAtMs(
  session: Pick<SessionRecord, 'createdAtMs' | 'persistent'> &
    (Pick<SessionRecord, 'actor' | 'expiresAtMs'> | { actor?: undefined }),
  nowMs: number,
  options: LifetimeOptions,
): number {
  if (session.actor) return session.expiresAtMs;
  const endMs = nowMs + idleLifetimeMs(session, options);
  return Math.min(endMs, absoluteEndMs(session.createdAtMs, options));
}

/**
 * When a session ends without another refresh. Its row holds the end by the lifetime of when it was written. Today's
 * lifetime counts if it is shorter, so a longer one revives no session.
 */
export function idleEndMs(
  session: { lastActiveAtMs: number; expiresAtMs: number; persistent: boolean },
  options: LifetimeOptions,
): number {
  return Math.min(session.expiresAtMs, session.lastActiveAtMs + idleLifetimeMs(session, options));
}

/**
 * The time after which a session must have been active to live by today's lifetime, for cookies that outlive the
 * browser or not.
 */
export function activeAfterMs(
  nowMs: number,
  options: LifetimeOptions,
): { persistent: number; nonPersistent: number } {
  return {
    persistent: nowMs - options.refreshTokenLifetimeMs,
    nonPersistent: nowMs - options.nonPersistentLifetimeMs,
  };
}

function idleLifetimeMs({ persistent }: { persistent: boolean }, options: LifetimeOptions): number {
  return persistent ? options.refreshTokenLifetimeMs : options.nonPersistentLifetimeMs;
}

/**
 * When a new access token ends. It never outlives its session. In whole seconds, as in a JWT.
 *
 * @param lifetimeMs how long it lives. @default as long as that of a session that is bound to no device
 */
export function accessTokenExpirySeconds(
  session: { createdAtMs: number; expiresAtMs: number },
  nowMs: number,
  options: LifetimeOptions,
  lifetimeMs = options.accessTokenLifetimeMs,
): number {
  const endMs = Math.min(
    nowMs + lifetimeMs,
    session.expiresAtMs,
    absoluteEndMs(session.createdAtMs, options),
  );
  return Math.max(Math.floor(endMs / 1000), Math.floor(nowMs / 1000) + 1);
}

/**
 * When an access token ends here, in milliseconds since the epoch: at its `exp`, but no later than today's options
 * allow for its age. A revocation is forgotten once no access token with today's lifetime can be alive.
 */
export function accessTokenEndsAtMs(
  { iat, exp }: { readonly iat: number; readonly exp: number },
  options: Parameters<typeof longestAccessTokenMs>[0],
): number {
  return Math.min(exp * 1000, (iat + 1) * 1000 + longestAccessTokenMs(options));
}
