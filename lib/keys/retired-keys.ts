import type { SigningKeyRecord } from '../store/signing-key.store.js';
import type { LoadedKeys, LoadedSigningKey } from './key-loader.js';
import { isPastUse, type KeyTimes } from './key-schedule.js';

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
   * past use at the earlier reading already, and a key has been made since.
   */
  follow(before: LoadedKeys, beforeAtMs: number, records: readonly SigningKeyRecord[]): void {
    const dynamic = records.filter(({ kind }) => kind === 'dynamic');
    if (!dynamic.some(({ createdAtMs }) => createdAtMs >= beforeAtMs - ROTATION_MS)) return;
    const present = new Set(dynamic.map(({ kid }) => kid));
    for (const key of before.dynamic) {
      if (present.has(key.kid)) continue;
      if (isPastUse(key, before.dynamic, this.times, beforeAtMs)) this.keys.set(key.kid, key);
    }
    for (const kid of this.keys.keys()) {
      if (this.keys.size <= MOST_KEPT) break;
      this.keys.delete(kid);
    }
  }
}
