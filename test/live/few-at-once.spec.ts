import { describe, expect, it, vi } from 'vitest';
import { FewAtOnce } from '../../lib/live/few-at-once.js';

describe('work that is done a few pieces at a time', () => {
  it('begins in its order, never more than so many, and all of it', async () => {
    const few = new FewAtOnce(3, 60_000);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const pieces = Array.from({ length: 20 }, (_, index) =>
      few.run(async () => {
        begun.push(index);
        most = Math.max(most, (running += 1));
        await Promise.resolve();
        running -= 1;
        if (index === 5) throw new Error('failed');
        return index;
      }),
    );
    const results = await Promise.allSettled(pieces);
    expect(most).toBe(3);
    expect(begun).toEqual([...pieces.keys()]);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });

  it('goes on where a piece does not come to its end', async () => {
    vi.useFakeTimers();
    const few = new FewAtOnce(1, 1_000);
    void few.run(() => new Promise(() => undefined));
    const next = few.run(() => Promise.resolve('done'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next).toBe('done');
    vi.useRealTimers();
  });
});
