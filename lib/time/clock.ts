/**
 * The one source of time, in milliseconds since the epoch. Each instance corrects its own by the offset to the
 * database's clock, so that instances whose clocks differ agree on what has expired.
 *
 * Provide another one to control time in tests.
 *
 * @publicApi
 */
export class Clock {
  private offsetMs = 0;

  /** The current time, in milliseconds since the epoch, as the database's clock has it. */
  now(): number {
    return Date.now() + this.offsetMs;
  }

  /** Corrects the clock by what it was found to be behind the database's, in milliseconds. */
  shiftBy(milliseconds: number): void {
    // What is measured as half of a round trip is no whole number, and the columns for times hold nothing else.
    this.offsetMs += Math.round(milliseconds);
  }
}
