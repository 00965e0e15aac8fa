import { databaseNowMs } from '../store/database-clock.js';
import type { SessionDatabase } from '../store/session-database.js';
import type { Clock } from '../time/clock.js';

const MEASURE_EVERY_MS = 60_000;
// Below this a difference is the noise of the measurement, and does no harm.
const TOLERATED_MS = 100;

/**
 * Keeps an instance's clock on the database's, so that instances whose clocks differ agree on what has expired and which
 * session was created before a cut-off.
 */
export class ClockCorrection {
  private measuredAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: SessionDatabase,
    private readonly clock: Clock,
  ) {}

  /** Measures, where the last time is a while ago. */
  async measureWhenDue(): Promise<void> {
    if (Math.abs(this.clock.now() - this.measuredAtMs) < MEASURE_EVERY_MS) return;
    await this.measure();
  }

  async measure(): Promise<void> {
    const beforeMs = this.clock.now();
    const databaseMs = await databaseNowMs(this.database);
    const afterMs = this.clock.now();
    if (databaseMs !== undefined) {
      // The database looked at its clock at some moment between the two; the middle is wrong by half the round trip.
      const errorMs = databaseMs - (beforeMs + afterMs) / 2;
      const uncertaintyMs = (afterMs - beforeMs) / 2;
      if (Math.abs(errorMs) > uncertaintyMs + TOLERATED_MS) this.clock.shiftBy(errorMs);
    }
    this.measuredAtMs = this.clock.now();
  }
}
