import type { LoadedKeys, LoadedSigningKey } from './key-loader.js';
import { isPastUse } from './key-schedule.js';

/** Whether tokens that a key has signed can be valid. */
export function isTrusted(
  key: LoadedSigningKey,
  { dynamic }: LoadedKeys,
  accessTokenLifetimeMs: number,
  nowMs: number,
): boolean {
  return !dynamic.includes(key) || !isPastUse(key, dynamic, accessTokenLifetimeMs, nowMs);
}

/**
 * The ids of the keys that may have signed a valid access token. Keys that can't be opened here are among them: other
 * instances sign with them, and only a key whose row is gone was revoked.
 */
export function accessTokenKeyIds(
  keys: LoadedKeys,
  accessTokenLifetimeMs: number,
  nowMs: number,
): string[] {
  const opened = keys.dynamic.filter((key) => isTrusted(key, keys, accessTokenLifetimeMs, nowMs));
  const closed = keys.unreadable.filter(({ kind }) => kind === 'dynamic');
  const all = [...keys.dynamic, ...closed].toSorted((a, b) => a.activeAtMs - b.activeAtMs);
  const inUse = closed.filter((key) => !isPastUse(key, all, accessTokenLifetimeMs, nowMs));
  return [...opened, ...inUse].map(({ kid }) => kid);
}
