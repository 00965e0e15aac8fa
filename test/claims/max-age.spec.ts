import { describe, expect, it } from 'vitest';
import { assertMaxAge } from '../../lib/claims/max-age.js';

describe('a maximum age', () => {
  it.each([undefined, 0, 0.5, 300, Number.MAX_SAFE_INTEGER])('may be %s', (seconds) =>
    expect(() => assertMaxAge('maxAgeInSeconds', seconds)).not.toThrow(),
  );

  it.each([
    [NaN, 'maxAgeInSeconds is NaN; it must be a number of seconds, not negative.'],
    [Infinity, 'maxAgeInSeconds is Infinity; it must be a number of seconds, not negative.'],
    [-Infinity, 'maxAgeInSeconds is -Infinity; it must be a number of seconds, not negative.'],
    [-1, 'maxAgeInSeconds is -1; it must be a number of seconds, not negative.'],
    ['300', 'maxAgeInSeconds is of type string; it must be a number of seconds, not negative.'],
    [null, 'maxAgeInSeconds is of type object; it must be a number of seconds, not negative.'],
    [300n, 'maxAgeInSeconds is of type bigint; it must be a number of seconds, not negative.'],
  ])('is refused when it is %s', (seconds, message) =>
    expect(() => assertMaxAge('maxAgeInSeconds', seconds)).toThrow(new TypeError(message)),
  );
});
