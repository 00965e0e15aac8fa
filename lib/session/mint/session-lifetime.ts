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

/**
 * When an access token ends here, in milliseconds since the epoch: at its `exp`, and never later than one that is as old
 * could by today's options. A revocation is forgotten once no access token of today's lifetime can be alive.
 */
export function accessTokenEndsAtMs(
  { iat, exp }: { readonly iat: number; readonly exp: number },
  { accessTokenLifetimeMs }: Pick<LifetimeOptions, 'accessTokenLifetimeMs'>,
): number {
  return Math.min(exp * 1000, (iat + 1) * 1000 + accessTokenLifetimeMs);
}
