import { Clock } from '../time/clock.js';
import { durationToMs, type Duration } from '../time/duration.js';

/**
 * A clock that stands still until it is moved. Provide it instead of `Clock`, as `useFakeClock` does.
 *
 * @publicApi
 */
export class FakeClock extends Clock {
  /** @param nowMs milliseconds since the epoch. @default the real time, in whole seconds */
  constructor(private nowMs: number = Math.floor(new Date().getTime() / 1000) * 1000) {
    super();
  }

  override now(): number {
    return this.nowMs;
  }

  /** Only the test moves time, so the database's clock does not count. */
  override shiftBy(): void {}

  /** Moves time on, in milliseconds. */
  advanceMs(milliseconds: number): void {
    this.nowMs += milliseconds;
  }

  /**
   * Moves time on, by seconds or a duration such as `'11m'`.
   *
   * @throws {TypeError} if it is not a duration
   */
  advance(duration: Duration): void {
    const milliseconds = durationToMs(duration);
    if (milliseconds === undefined) {
      throw new TypeError("advance() takes a number of seconds or a string such as '11m'");
    }
    this.advanceMs(milliseconds);
  }
}
