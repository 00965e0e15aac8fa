import { Logger } from '@nestjs/common';
import type { SigningKeyRecord } from '../store/signing-key.store.js';

/**
 * The keys that this instance has seen disappear. A key's row never comes back on its own. Anyone who restores it can
 * write to the database, and may hold the key.
 */
export class RevokedKeys {
  private readonly logger = new Logger('SessionModule');
  private readonly seen = new Set<string>();
  private readonly revoked = new Set<string>();
  private readonly reported = new Set<string>();

  add(kid: string): void {
    this.revoked.add(kid);
  }

  /** Takes a reading of all keys, and removes those that were gone at an earlier reading. */
  withoutRevoked(records: readonly SigningKeyRecord[]): SigningKeyRecord[] {
    const present = new Set(records.map(({ kid }) => kid));
    for (const kid of this.seen) if (!present.has(kid)) this.revoked.add(kid);
    for (const kid of present) this.seen.add(kid);
    return records.filter(({ kid }) => !this.isBack(kid));
  }

  private isBack(kid: string): boolean {
    if (!this.revoked.has(kid)) return false;
    if (!this.reported.has(kid)) {
      this.reported.add(kid);
      this.logger.error(
        `The session key ${kid} is in the database again after its removal, and is not used: somebody has restored it. ` +
          'Delete its row, because an instance that starts would use it. After you restore the database, restart all instances.',
      );
    }
    return true;
  }
}
