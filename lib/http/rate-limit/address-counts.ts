import { Logger } from '@nestjs/common';
import type { RateLimitCounter, ResolvedRateLimit } from '../../options/rate-limit-options.js';
import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import { Deadline } from '../../store/deadline.js';
import type { Clock } from '../../time/clock.js';
import { MemoryCounter } from './memory-counter.js';

// A counter that hangs must not delay a login for longer.
const COUNTER_TIMEOUT_MS = 1_000;

/** Counts by address, in the application's counter if it has one. */
export class AddressCounts {
  private readonly logger = new Logger('SessionModule');
  private readonly deadline = new Deadline(COUNTER_TIMEOUT_MS);
  private readonly counter: RateLimitCounter;
  private isFailing = false;

  constructor(
    clock: Clock,
    private readonly options: ResolvedSessionOptions,
  ) {
    const { rateLimit } = options;
    this.counter = (rateLimit && rateLimit.counter) || new MemoryCounter(clock);
  }

  // Without its counter, nobody is limited, because its outage must not lock everyone out.
  async add(
    what: string,
    address: string,
    amount: -1 | 1,
    { windowMs }: ResolvedRateLimit,
  ): Promise<number> {
    try {
      const count = await this.deadline.bound(async () =>
        this.counter.add(this.keyOf(what, address), amount, windowMs),
      );
      if (!Number.isFinite(count)) throw new TypeError('not a number');
      this.isFailing = false;
      return count;
    } catch {
      if (!this.isFailing) this.logger.error('The counter of `rateLimit` fails: nobody is limited');
      this.isFailing = true;
      return 0;
    }
  }

  // Several modules or applications may share a counter.
  private keyOf(what: string, address: string): string {
    const { realm } = this.options;
    return realm === '' ? `${what}:${address}` : `${what}:${realm.slice(0, 16)}:${address}`;
  }
}
