import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionStoreUnavailableException } from '../../lib/errors/session-store-unavailable.exception.js';
import { Deadline } from '../../lib/store/deadline.js';

/** Work that ends when it is told to. */
function openWork(): { work: () => Promise<string>; end: () => void } {
  let end = (): void => undefined;
  const pending = new Promise<string>((resolve) => {
    end = () => resolve('done');
  });
  return { work: () => pending, end: () => end() };
}

describe('the deadline of the database', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('lets through what comes in time, and leaves no timer behind', async () => {
    const timersBefore = vi.getTimerCount();
    const deadline = new Deadline(1_000);
    await expect(deadline.bound(() => Promise.resolve(1))).resolves.toBe(1);
    const failure = new Error('no');
    await expect(deadline.bound(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(vi.getTimerCount()).toBe(timersBefore);
  });

  it('says after its time that the store is unavailable, whatever the work comes to later', async () => {
    const { work, end } = openWork();
    const outcome = new Deadline(1_000).bound(work).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toBeInstanceOf(SessionStoreUnavailableException);
    expect(await outcome).toMatchObject({
      cause: new Error('the database did not answer within 1000 ms'),
    });
    end();
  });

  it('begins nothing new while a hundred pieces of work are overdue, and goes on when they end', async () => {
    const deadline = new Deadline(1_000);
    const { work, end } = openWork();
    const overdue = Array.from({ length: 100 }, () => deadline.bound(work).catch(() => 'too late'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(new Set(await Promise.all(overdue))).toEqual(new Set(['too late']));

    const begin = vi.fn(() => Promise.resolve('begun'));
    await expect(deadline.bound(begin)).rejects.toBeInstanceOf(SessionStoreUnavailableException);
    expect(begin).not.toHaveBeenCalled();
    end();
    await vi.advanceTimersByTimeAsync(0);
    await expect(deadline.bound(begin)).resolves.toBe('begun');
  });
});
