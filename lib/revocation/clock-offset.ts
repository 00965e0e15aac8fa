/** How far the database's clock is ahead of an instance's: not less than the one and not more than the other, in milliseconds. */
export interface ClockOffset {
  readonly leastMs: number;
  readonly mostMs: number;
}

/**
 * What one look at the database's clock says. It was taken at some moment between the two times, and the instance's clock
 * shows whole milliseconds: the second time may be almost one more.
 */
export function clockOffset(beforeMs: number, databaseMs: number, afterMs: number): ClockOffset {
  return { leastMs: databaseMs - afterMs - 1, mostMs: databaseMs - beforeMs };
}

/** What two looks say together. Where they contradict each other a clock has jumped between them, and the later one counts. */
export function narrowed(earlier: ClockOffset, later: ClockOffset): ClockOffset {
  const both = {
    leastMs: Math.max(earlier.leastMs, later.leastMs),
    mostMs: Math.min(earlier.mostMs, later.mostMs),
  };
  return both.leastMs <= both.mostMs ? both : later;
}

/**
 * By how much the instance's clock is to be moved: to the middle, where that is sure to bring it no further from the
 * database's; else to as far as that is sure. A clock that may be right stays, so that a slow look does a good clock no
 * harm.
 */
export function correctionMs({ leastMs, mostMs }: ClockOffset): number {
  const middleMs = (leastMs + mostMs) / 2;
  const surelyMs = Math.max(leastMs, -mostMs);
  if (surelyMs <= 0) return 0;
  // Where all of the error is what is sure, twice as much leaves it as large as it was, on the other side.
  return Math.trunc(Math.sign(middleMs) * Math.min(Math.abs(middleMs), 2 * surelyMs));
}

/** How wrong the instance's clock may be once it has been moved. */
export function remainingErrorMs({ leastMs, mostMs }: ClockOffset, movedByMs: number): number {
  return Math.max(Math.abs(leastMs - movedByMs), Math.abs(mostMs - movedByMs));
}
