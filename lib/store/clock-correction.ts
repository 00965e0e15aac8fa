import { Injectable } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { databaseNowMs } from './database-clock.js';
import { SessionDatabase } from './session-database.js';
import { Clock } from '../time/clock.js';
import { IntervalTask } from '../time/interval-task.js';
import {
  clockOffset,
  correctionMs,
  narrowed,
  remainingErrorMs,
  type ClockOffset,
} from '../time/clock-offset.js';

const MEASURE_EVERY_MS = 60_000;
// Without a jump, it asks the database nothing.
const LOOK_FOR_JUMPS_EVERY_MS = 1_000;
// Far more than a clock is slewed in a minute.
const JUMP_MS = 1_000;
// The quickest round trip counts, and one of a few is rarely held up.
const MOST_LOOKS = 5;
// The feed waits for this. A slow database is measured again when the next measurement is due.
const LOOKS_FOR_MS = 500;
// The clock shows whole milliseconds, so a better result is hardly possible.
const GOOD_MS = 2;
// A computer's clock drifts by up to fifty millionths. Within a minute, that is:
const DRIFT_MS = 3;
const LONGEST_WAIT_MS = 100;

/**
 * Keeps an instance's clock on the database's. So instances with different clocks agree on what has expired, and on
 * which sessions were created before a cut-off.
 */
@Injectable()
export class ClockCorrection {
  private measuredAt = { clockMs: Number.NEGATIVE_INFINITY, uptimeMs: Number.NEGATIVE_INFINITY };
  private errorMs = 0;
  private measuring: Promise<void> | undefined;
  private readonly task = new IntervalTask(
    LOOK_FOR_JUMPS_EVERY_MS,
    async () => void (await this.measureWhenDue()),
    () => undefined,
  );

  constructor(
    private readonly database: SessionDatabase,
    private readonly clock: Clock,
  ) {}

  /** Measures from now on when it is due. */
  start(): void {
    this.task.start();
  }

  stop(): Promise<void> {
    return this.task.stop();
  }

  /**
   * Measures if the last measurement is old, or if the clock has jumped. Await it before rows are deleted because their
   * time is over, and before a date is written that stays in force.
   *
   * @returns whether it has measured
   */
  async measureWhenDue(): Promise<boolean> {
    const passedMs = performance.now() - this.measuredAt.uptimeMs;
    const shownMs = this.clock.now() - this.measuredAt.clockMs;
    const hasJumped = Math.abs(shownMs - passedMs) > JUMP_MS;
    if (!hasJumped && passedMs < MEASURE_EVERY_MS) return false;
    await this.measure();
    return true;
  }

  /** Measures, or shares a measurement that is under way: two would correct the clock twice. */
  measure(): Promise<void> {
    this.measuring ??= this.correct().finally(() => {
      this.measuring = undefined;
    });
    return this.measuring;
  }

  private async correct(): Promise<void> {
    const offset = await this.look();
    if (offset !== undefined) {
      const movedByMs = correctionMs(offset);
      this.clock.shiftBy(movedByMs);
      this.errorMs = remainingErrorMs(offset, movedByMs) + DRIFT_MS;
    }
    this.measuredAt = { clockMs: this.clock.now(), uptimeMs: performance.now() };
  }

  /**
   * Waits the few milliseconds in which another instance's clock may still show an earlier time. That is as long as the
   * errors of both clocks, if its way to the database is like ours.
   */
  async waitUntilPast(timeMs: number): Promise<void> {
    const waitMs = Math.min(timeMs + 2 * this.errorMs - this.clock.now(), LONGEST_WAIT_MS);
    // A timer counts from the beginning of its turn, and so fires early.
    const endsAt = performance.now() + waitMs;
    for (let leftMs = waitMs; leftMs > 0; leftMs = endsAt - performance.now()) {
      await pause(Math.ceil(leftMs));
    }
  }

  /** `undefined` for an embedded database, which uses this machine's clock. */
  private async look(): Promise<ClockOffset | undefined> {
    const begunAt = performance.now();
    let known: ClockOffset | undefined;
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      if (performance.now() - begunAt > LOOKS_FOR_MS) return known;
      const beforeMs = this.clock.now();
      const databaseMs = await databaseNowMs(this.database);
      if (databaseMs === undefined) return known;
      const afterMs = this.clock.now();
      // The clock has gone back meanwhile, so this look tells nothing.
      if (afterMs < beforeMs) continue;
      const offset = clockOffset(beforeMs, databaseMs, afterMs);
      known = known === undefined ? offset : narrowed(known, offset);
      if (known.mostMs - known.leastMs <= GOOD_MS) return known;
    }
    return known;
  }
}
