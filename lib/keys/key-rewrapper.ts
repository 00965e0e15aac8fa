import { Logger } from '@nestjs/common';
import type { SigningKeyRecord, SigningKeyStore } from '../store/signing-key.store.js';
import type { Clock } from '../time/clock.js';
import type { KeyLoader } from './key-loader.js';

// During an exchange of `encryptionKey`, instances with the old and the new order run side by side. Each would undo the
// other's work at every reading.
const INTERVAL_MS = 60 * 60_000;

/** Encrypts keys again that are stored under a former `encryptionKey`, or in clear if that is accepted. */
export class KeyRewrapper {
  private readonly logger = new Logger('SessionModule');
  private lastRunAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: SigningKeyStore,
    private readonly loader: KeyLoader,
    private readonly clock: Clock,
  ) {}

  /** Runs once an hour. It never fails, because the keys work as they are. */
  async rewrap(records: readonly SigningKeyRecord[]): Promise<void> {
    const nowMs = this.clock.now();
    if (nowMs - this.lastRunAtMs < INTERVAL_MS) return;
    this.lastRunAtMs = nowMs;
    try {
      let count = 0;
      for (const record of records) {
        const resealed = this.loader.reseal(record);
        if (resealed === undefined) continue;
        const { kid, material } = record;
        if (await this.store.replaceMaterial(kid, material, resealed.material)) count += 1;
      }
      if (count > 0) {
        this.logger.log(
          `${count} session keys are now encrypted under the first \`encryptionKey\``,
        );
      }
    } catch {
      this.logger.warn(
        'Session keys could not be encrypted under the first `encryptionKey`; trying again later',
      );
    }
  }
}
