import { describe, expect, it } from 'vitest';
import { BatchSize } from '../../lib/session/batch-size.js';

describe('the size of a batch', () => {
  it('is as large as is allowed, as long as none takes longer than 100 ms', () => {
    const size = new BatchSize(200);
    size.adapt(100);
    expect(size.rows).toBe(200);
  });

  it('is halved after each one that takes longer, down to ten rows', () => {
    const size = new BatchSize(200);
    const sizes = [101, 500, 101, 9_000, 101].map((durationMs) => {
      size.adapt(durationMs);
      return size.rows;
    });
    expect(sizes).toEqual([100, 50, 25, 12, 10]);
  });

  it('is doubled again after each one that does not', () => {
    const size = new BatchSize(200);
    for (let index = 0; index < 3; index += 1) size.adapt(1_000);
    const sizes = [100, 3, 3].map((durationMs) => {
      size.adapt(durationMs);
      return size.rows;
    });
    expect(sizes).toEqual([50, 100, 200]);
  });
});
