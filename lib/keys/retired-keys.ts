import type { SigningKeyRecord } from '../store/signing-key.store.js';
import type { LoadedKeys, LoadedSigningKey } from './key-loader.js';
import { isPastUse, type KeyTimes, type ScheduledSigningKey } from './key-schedule.js';

// A rotation deletes rows right after it has made a key.
const ROTATION_MS = 60_000;
// Years of rotations by the default interval. A connection that is older than all of them ends.
const MOST_KEPT = 1_000;

/**
 * The keys that a rotation has deleted because their time was over. Connections that were opened by their tokens go on
 * with their sessions, whereas those of a revoked key end.
 */
export class RetiredKeys {
  private readonly keys = new Map<string, LoadedSigningKey>();

  constructor(private readonly times: KeyTimes) {}

  find(kid: string): LoadedSigningKey | undefined {
    return this.keys.get(kid);
  }

  forget(kid: string): void {
    this.keys.delete(kid);
  }

  /**
   * Compares a reading of all keys with the one before. A row that has gone is that of a revoked key, unless the key was
   * past use at the earlier reading already, and a key has been made since. If a key in use has gone as well, somebody
   * has revoked one key or several: then none of those that have gone counts as retired.
   */
  follow(before: LoadedKeys, beforeAtMs: number, records: readonly SigningKeyRecord[]): void {
    const dynamic = records.filter(isDynamic);
    if (!dynamic.some(({ createdAtMs }) => createdAtMs >= beforeAtMs - ROTATION_MS)) return;
    const present = new Set(dynamic.map(({ kid }) => kid));
    const isGone = ({ kid }: ScheduledSigningKey): boolean => !present.has(kid);
    const gone = before.dynamic.filter(isGone);
    const lost = [...gone, ...before.unreadable.filter(isDynamic).filter(isGone)];
    if (!lost.every((key) => isPastUse(key, before.dynamic, this.times, beforeAtMs))) return;
    for (const key of gone) this.keys.set(key.kid, key);
    for (const kid of this.keys.keys()) {
      if (this.keys.size <= MOST_KEPT) break;
      this.keys.delete(kid);
    }
  }
}

function isDynamic({ kind }: SigningKeyRecord): boolean {
  return kind === 'dynamic';
}
