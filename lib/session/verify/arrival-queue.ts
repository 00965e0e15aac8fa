import { Injectable } from '@nestjs/common';
import { SessionStore } from '../../store/session.store.js';
import type { Arrivals } from '../../verification/arrivals.js';
import { Clock } from '../../time/clock.js';

const FLUSH_AFTER_MS = 50;
const MAX_QUEUED = 10_000;
const MAX_PER_STATEMENT = 200;

/**
 * Notes in the database, in batches and off the request's path, that a refresh token's answer has arrived. A note that
 * is lost only leaves the window for repetitions open longer.
 */
@Injectable()
export class ArrivalQueue implements Arrivals {
  private queued = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: SessionStore,
    private readonly clock: Clock,
  ) {}

  /** Notes that a token of the generation with this parent was seen in use. */
  add(handle: string, parentHash: string): void {
    if (this.queued.size >= MAX_QUEUED) return;
    this.queued.set(handle, parentHash);
    if (this.timer === undefined) {
      this.timer = setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
      this.timer.unref();
    }
  }

  /** Writes what is queued; never fails. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const batch = [...this.queued];
    this.queued = new Map();
    if (batch.length > 0) this.flushing = this.flushing.then(() => this.write(batch));
    return this.flushing;
  }

  private async write(confirmations: readonly (readonly [string, string])[]): Promise<void> {
    const nowMs = this.clock.now();
    for (let from = 0; from < confirmations.length; from += MAX_PER_STATEMENT) {
      const batch = confirmations.slice(from, from + MAX_PER_STATEMENT);
      const isWritten = await this.store.confirm(batch, nowMs).then(
        () => true,
        () => false,
      );
      // Where one waits for a database in vain, the others would too, one after the other.
      if (!isWritten) return;
    }
  }
}
