import { describe, expect, it } from 'vitest';
import { RandomBytes } from '../../lib/tokens/secrets.js';

describe('random bytes', () => {
  it('leave nothing in memory of what was given out', () => {
    const memory = Buffer.alloc(64);
    const random = new RandomBytes(memory);
    const target = Buffer.alloc(24);
    random.fill(target, 4, 16);
    const given = target.subarray(4, 20);
    expect(given.every((byte) => byte === 0)).toBe(false);
    expect(memory.includes(given)).toBe(false);
    expect(memory.subarray(0, 16)).toEqual(Buffer.alloc(16));
    expect([...target.subarray(0, 4), ...target.subarray(20)]).toEqual(Array(8).fill(0));
  });

  it('are drawn anew where those at hand are used up', () => {
    const random = new RandomBytes(Buffer.alloc(32));
    const drawn = Array.from({ length: 5 }, () => {
      const target = Buffer.alloc(16);
      random.fill(target, 0, 16);
      return target.toString('hex');
    });
    expect(new Set(drawn).size).toBe(5);
  });
});
