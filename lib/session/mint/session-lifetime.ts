import type { ResolvedSessionOptions } from '../../options/resolved-options.js';

type LifetimeOptions = Pick<
  ResolvedSessionOptions,
  | 'accessTokenLifetimeMs'
  | 'refreshTokenLifetimeMs'
  | 'nonPersistentLifetimeMs'
  | 'absoluteTimeoutMs'
>;

/** The last moment of a session, whatever is refreshed (ASVS 7.3.2). */
export function absoluteEndMs(createdAtMs: number, options: LifetimeOptions): number {
  return createdAtMs + (options.absoluteTimeoutMs ?? Number.POSITIVE_INFINITY);
}

/** When a session ends that is active now and never again (ASVS 7.3.1). */
export function sessionExpiresAtMs(
  session: { createdAtMs: number; persistent: boolean },
  nowMs: number,
  options: LifetimeOptions,
): number {
  const idleMs = session.persistent
    ? options.refreshTokenLifetimeMs
    : options.nonPersistentLifetimeMs;
  return Math.min(nowMs + idleMs, absoluteEndMs(session.createdAtMs, options));
}

/** When a new access token ends: it never outlives its session. In whole seconds, as a JWT says them. */
export function accessTokenExpirySeconds(
  session: { createdAtMs: number; expiresAtMs: number },
  nowMs: number,
  options: LifetimeOptions,
): number {
  const endMs = Math.min(
    nowMs + options.accessTokenLifetimeMs,
    session.expiresAtMs,
    absoluteEndMs(session.createdAtMs, options),
  );
  return Math.max(Math.floor(endMs / 1000), Math.floor(nowMs / 1000) + 1);
}
