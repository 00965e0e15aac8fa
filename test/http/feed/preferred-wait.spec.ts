import { describe, expect, it } from 'vitest';
import { preferredWait } from '../../../lib/http/feed/preferred-wait.js';

describe('the time that a client is willing to wait', () => {
  it.each([
    [undefined, 0],
    ['', 0],
    ['wait=4', 4],
    ['Wait = 4', 4],
    ['wait="4"', 4],
    ['respond-async, wait=10', 10],
    ['wait=10, respond-async', 10],
    ['respond-async; wait=10', 10],
    ['wait=30', 30],
    ['wait=31', 30],
    ['wait=999999', 30],
    ['wait=0', 0],
    ['wait=-1', 0],
    ['wait=1.5', 0],
    ['wait=1e9', 0],
    ['wait=', 0],
    ['nowait=4', 0],
    ['wait=9999999999999999999999', 0],
  ])('is read of %o as %d seconds', (preferences, seconds) => {
    expect(preferredWait(preferences)).toBe(seconds);
  });
});
