import { Clock } from '../time/clock.js';

/**
 * A clock that stands still until it is moved. Provide it in place of `Clock`.
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

  /** The time is the test's alone: what the database says of it does not count. */
  override shiftBy(): void {}

  /** Moves time on, in milliseconds. */
  advanceMs(milliseconds: number): void {
    this.nowMs += milliseconds;
  }
}
