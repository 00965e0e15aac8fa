import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Turns } from '../../../lib/session/edit/turns.js';

describe('the edits of one session', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function heldWork(log: string[], name: string) {
    let finish = (): void => undefined;
    let fail = finish;
    const work = (): Promise<string> => {
      log.push(name);
      return new Promise((resolve, reject) => {
        finish = () => resolve(name);
        fail = () => reject(new Error(name));
      });
    };
    return { work, finish: () => finish(), fail: () => fail() };
  }

  it('begin one after the other, also after one that failed, and those of others beside them', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const [a, b] = [heldWork(log, 'a'), heldWork(log, 'b')];
    const [c, d] = [heldWork(log, 'c'), heldWork(log, 'd')];
    const first = turns.take('s1', a.work);
    const second = turns.take('s1', b.work);
    const third = turns.take('s1', c.work);
    const other = turns.take('s2', d.work);
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(['a', 'd']);
    a.fail();
    await expect(first).rejects.toThrow('a');
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(['a', 'd', 'b']);
    b.finish();
    expect(await second).toBe('b');
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(['a', 'd', 'b', 'c']);
    c.finish();
    d.finish();
    expect(await Promise.all([third, other])).toEqual(['c', 'd']);
    expect(turns.size).toBe(0);
  });

  it('wait for one that hangs no longer than a second', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const [a, b] = [heldWork(log, 'a'), heldWork(log, 'b')];
    const first = turns.take('s1', a.work);
    const second = turns.take('s1', b.work);
    await vi.advanceTimersByTimeAsync(999);
    expect(log).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(1);
    expect(log).toEqual(['a', 'b']);
    b.finish();
    expect(await second).toBe('b');
    a.finish();
    expect(await first).toBe('a');
    expect(turns.size).toBe(0);
  });
});
