/**
 * The one source of time, in milliseconds since the epoch. Each instance corrects its clock by the offset to the
 * database's clock, so that instances with different clocks agree on what has expired.
 *
 * Provide another one to control time in tests.
 *
 * @publicApi
 */
export class Clock {
  private offsetMs = 0;

  /** The current time by the database's clock, in milliseconds since the epoch. */
  now(): number {
    return Date.now() + this.offsetMs;
  }

  /** @internal how far the machine's clock is behind the database's, as far as known; in milliseconds */
  get correctionMs(): number {
    return this.offsetMs;
  }

  /** Corrects the clock by its measured delay behind the database's, in milliseconds. */
  shiftBy(milliseconds: number): void {
    // Half a round trip is rarely a whole number, and the columns for times hold only whole ones.
    this.offsetMs += Math.round(milliseconds);
  }
}
