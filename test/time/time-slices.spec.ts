import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TimeSlices, type Piece } from '../../lib/time/time-slices.js';

describe('work in slices', () => {
  function* pieces(count: number, done: number[], take: () => void): Iterable<Piece> {
    for (let index = 0; index < count; index += 1) {
      take();
      yield () => done.push(index);
    }
  }

  const busyFor = (ms: number): void => {
    const endsAt = performance.now() + ms;
    while (performance.now() < endsAt);
  };

  it('begins at once, leaves the event loop after each slice, and finds its pieces as it goes', async () => {
    const done: number[] = [];
    new TimeSlices(1).run(pieces(4, done, () => busyFor(2)));
    expect(done).toEqual([0]);
    await turn();
    expect(done.length).toBeLessThan(4);
    await expect.poll(() => done).toEqual([0, 1, 2, 3]);
  });

  it('keeps its order, and takes more work while it is at it', async () => {
    const done: number[] = [];
    const slices = new TimeSlices(1);
    slices.run(pieces(3, done, () => busyFor(2)));
    slices.run([undefined, () => done.push(10), undefined, () => done.push(11)]);
    await expect.poll(() => done).toEqual([0, 1, 2, 10, 11]);
  });
});
