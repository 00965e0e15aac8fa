import ms, { type StringValue } from 'ms';

/**
 * A span of time: a number of seconds, or a string with its unit as jsonwebtoken reads `expiresIn`
 * (`'30s'`, `'15m'`, `'1h'`, `'100d'`).
 *
 * @publicApi
 */
export type Duration = number | StringValue;

// No duration is longer, and looking for one takes time by the square of the length.
const LONGEST_TEXT = 99;

/** Milliseconds of a duration, or `undefined` where it is none: not finite, negative, unreadable, or a string without a unit. */
export function durationToMs(duration: unknown): number | undefined {
  if (typeof duration === 'number') {
    const milliseconds = Math.round(duration * 1000);
    // Not minus zero, which is 0 but prints otherwise.
    return Number.isFinite(milliseconds) && duration >= 0 ? Math.abs(milliseconds) : undefined;
  }
  // `ms` reads a bare number in a string as milliseconds; here a number means seconds, so a string must say its unit.
  if (
    typeof duration !== 'string' ||
    duration.length > LONGEST_TEXT ||
    !/^\d*\.?\d+ *[a-z]+$/i.test(duration)
  ) {
    return undefined;
  }
  const parsed: unknown = ms(duration as StringValue);
  return typeof parsed === 'number' && Number.isFinite(parsed) ? Math.round(parsed) : undefined;
}
