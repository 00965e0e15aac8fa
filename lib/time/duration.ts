import ms, { type StringValue } from 'ms';

/**
 * A duration: a number of seconds, or a string with its unit as jsonwebtoken reads `expiresIn`
 * (`'30s'`, `'15m'`, `'1h'`, `'100d'`).
 *
 * @publicApi
 */
export type Duration = number | StringValue;

// No duration is longer, and the time to find one grows with the square of the length.
const LONGEST_TEXT = 99;

/**
 * The milliseconds of a duration; `undefined` if it is not finite, negative, unreadable, or a string without a unit.
 */
export function durationToMs(duration: unknown): number | undefined {
  if (typeof duration === 'number') {
    const milliseconds = Math.round(duration * 1000);
    // Minus zero equals 0 but prints differently.
    return Number.isFinite(milliseconds) && duration >= 0 ? Math.abs(milliseconds) : undefined;
  }
  // `ms` reads a bare number in a string as milliseconds. A number means seconds here, so a string must name its unit.
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
