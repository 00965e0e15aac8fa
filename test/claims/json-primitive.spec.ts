import { describe, expect, it } from 'vitest';
import { isJsonPrimitive } from '../../lib/claims/json-primitive.js';

describe('a JSON primitive', () => {
  it.each(['', 'text', 0, -1.5, true, false, null])('is %j', (value) =>
    expect(isJsonPrimitive(value)).toBe(true),
  );

  it.each([
    [undefined],
    [NaN],
    [Infinity],
    [-Infinity],
    [1n],
    [Symbol('s')],
    [{}],
    [[]],
    [() => 1],
  ])('is not %s', (value) => expect(isJsonPrimitive(value)).toBe(false));
});
