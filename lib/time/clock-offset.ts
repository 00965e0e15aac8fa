/**
 * How far the database's clock is ahead of an instance's: at least the first and at most the second, in milliseconds.
 */
export interface ClockOffset {
  readonly leastMs: number;
  readonly mostMs: number;
}

/**
 * The result of one look at the database's clock. The look happened at some moment between the two times. The
 * instance's clock shows whole milliseconds, so the second time may be almost one more.
 */
export function clockOffset(beforeMs: number, databaseMs: number, afterMs: number): ClockOffset {
  return { leastMs: databaseMs - afterMs - 1, mostMs: databaseMs - beforeMs };
}

/** Combines two looks. If they contradict each other, a clock has jumped between them, and the later one counts. */
export function narrowed(earlier: ClockOffset, later: ClockOffset): ClockOffset {
  const both = {
    leastMs: Math.max(earlier.leastMs, later.leastMs),
    mostMs: Math.min(earlier.mostMs, later.mostMs),
  };
  return both.leastMs <= both.mostMs ? both : later;
}

/**
 * How far to move the instance's clock. It moves to the middle if that surely brings it no further from the database's
 * clock. Otherwise it moves as far as that is sure. A clock that may be right is not moved, so a slow look does not
 * harm a good clock.
 */
export function correctionMs({ leastMs, mostMs }: ClockOffset): number {
  const middleMs = (leastMs + mostMs) / 2;
  const surelyMs = Math.max(leastMs, -mostMs);
  if (surelyMs <= 0) return 0;
  // Even if the sure part is the whole error, moving by twice as much leaves it as large, on the other side.
  return Math.trunc(Math.sign(middleMs) * Math.min(Math.abs(middleMs), 2 * surelyMs));
}

/** The possible error of the instance's clock after it has been moved. */
export function remainingErrorMs({ leastMs, mostMs }: ClockOffset, movedByMs: number): number {
  return Math.max(Math.abs(leastMs - movedByMs), Math.abs(mostMs - movedByMs));
}
