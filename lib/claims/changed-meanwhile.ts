import type { AccessTokenPayload } from './access-token-payload.js';

/**
 * The update by a fetch, without the claims that others have changed since it began: they were set or fetched later,
 * removed, or marked stale.
 *
 * @param before the payload when the fetch began
 * @param begunAtMs milliseconds since the epoch
 * @returns the rest of it, for the payload as it is now
 */
export function withoutChanged(
  update: Readonly<AccessTokenPayload>,
  before: Readonly<AccessTokenPayload>,
  begunAtMs: number,
): (payload: Readonly<AccessTokenPayload>) => AccessTokenPayload {
  return (payload) =>
    Object.fromEntries(
      Object.entries(update).filter(([name]) => {
        const now = entryOf(payload, name);
        const isSame = JSON.stringify(now) === JSON.stringify(entryOf(before, name));
        return isSame || wasFetchedEarlier(now, begunAtMs);
      }),
    );
}

function entryOf(payload: Readonly<AccessTokenPayload>, name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : undefined;
}

// A claim that is marked stale has the time 0.
function wasFetchedEarlier(entry: unknown, thanMs: number): boolean {
  if (typeof entry !== 'object' || entry === null || !Object.hasOwn(entry, 't')) return false;
  const fetchedAtMs: unknown = Reflect.get(entry, 't');
  return typeof fetchedAtMs === 'number' && fetchedAtMs > 0 && fetchedAtMs < thanMs;
}
