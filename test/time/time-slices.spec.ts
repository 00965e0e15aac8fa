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

  it('begins with more work at once, and goes on with it after the first', async () => {
    const done: number[] = [];
    const slices = new TimeSlices(1);
    slices.run(pieces(3, done, () => busyFor(2)));
    slices.run([() => done.push(10), undefined, () => done.push(11)]);
    expect(done).toEqual([0, 10]);
    await expect.poll(() => done).toEqual([0, 10, 1, 2, 11]);
  });

  it('goes on after a piece that fails', async () => {
    const done: number[] = [];
    const slices = new TimeSlices(1);
    const fail = (): never => {
      throw new Error('of its own');
    };
    expect(() => slices.run([fail, () => done.push(1)])).toThrow('of its own');
    await expect.poll(() => done).toEqual([1]);
  });
});
