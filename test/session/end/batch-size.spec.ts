import { describe, expect, it } from 'vitest';
import { BatchSize } from '../../../lib/session/end/batch-size.js';

type Batch = readonly [rows: number, durationMs: number];

const TABLE: readonly (readonly [rule: string, batches: readonly Batch[], sizes: number[]])[] = [
  ['is ten rows before any is known', [], []],
  [
    'is doubled after each one that is quick, up to the largest',
    [
      [10, 1],
      [20, 2],
      [40, 3],
      [80, 5],
      [160, 8],
      [200, 12],
    ],
    [20, 40, 80, 160, 200, 200],
  ],
  [
    'grows no further than to what takes 25 ms by the speed of the last one',
    [
      [10, 20],
      [12, 24],
      [12, 25],
    ],
    [12, 12, 12],
  ],
  [
    'is what takes 25 ms by the speed of one that took longer',
    [
      [10, 1],
      [20, 1],
      [40, 1],
      [80, 50],
      [40, 100],
    ],
    [20, 40, 80, 40, 10],
  ],
  [
    'is never less than ten rows, however long they take',
    [
      [10, 26],
      [10, 9_000],
    ],
    [10, 10],
  ],
  [
    'is not grown by one that was not full',
    [
      [10, 1],
      [19, 1],
      [0, 1],
    ],
    [20, 20, 20],
  ],
  [
    'shrinks after one that took long and was not full, by the rows that it had',
    [
      [10, 1],
      [20, 1],
      [40, 1],
      [30, 50],
      [0, 9_000],
    ],
    [20, 40, 80, 15, 10],
  ],
  ['counts one that took no time that can be measured as quick', [[10, 0]], [20]],
];

describe('the size of a batch', () => {
  it.each(TABLE)('%s', (_, batches, expected) => {
    const size = new BatchSize(200, 25);
    expect(size.rows).toBe(10);
    const sizes = batches.map(([rows, durationMs]) => {
      size.adapt(rows, durationMs);
      return size.rows;
    });
    expect(sizes).toEqual(expected);
  });
});
