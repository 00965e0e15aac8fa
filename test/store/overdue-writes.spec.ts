import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadline } from '../../lib/store/deadline.js';
import { OverdueWrites } from '../../lib/store/overdue-writes.js';

const UNAVAILABLE = { code: 'SESSION_STORE_UNAVAILABLE' };

describe('a row whose change is overdue', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('may be changed again after 15 seconds, and then after 30: its connection may be lost', async () => {
    const deadline = new Deadline(1_000);
    const writes = new OverdueWrites();
    const hanging = vi.fn(() => new Promise<never>(() => undefined));
    const change = async (): Promise<void> => {
      const failed = writes
        .run(['row'], () => deadline.bound(hanging))
        .catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await failed).toMatchObject(UNAVAILABLE);
    };
    for (const [waitMs, begun] of [
      [0, 1],
      [13_000, 1],
      [1_000, 2],
      [28_000, 2],
      [1_000, 3],
    ] as const) {
      await vi.advanceTimersByTimeAsync(waitMs);
      await change();
      expect(hanging).toHaveBeenCalledTimes(begun);
    }
    await expect(writes.run(['other'], () => Promise.resolve('done'))).resolves.toBe('done');
  });

  it('waits also for what the change itself has given up', async () => {
    const writes = new OverdueWrites();
    let end = (): void => undefined;
    const open = new Promise<void>((resolve) => (end = resolve));
    const inner = () => new Deadline(1_100).bound(() => open);
    const change = () => writes.run(['row'], () => new Deadline(1_000).bound(inner));
    const failed = change().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await failed).toMatchObject(UNAVAILABLE);
    const hindered = change().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await hindered).toBe(await failed);
    const waiting = change();
    await vi.advanceTimersByTimeAsync(999);
    end();
    await expect(waiting).resolves.toBeUndefined();
  });

  it('begins with 15 seconds again after a change that went well', async () => {
    const deadline = new Deadline(1_000);
    const writes = new OverdueWrites();
    const hanging = vi.fn(() => new Promise<never>(() => undefined));
    for (const begun of [1, 2]) {
      const failed = writes
        .run(['row', 'other'], () => deadline.bound(hanging))
        .catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await failed).toMatchObject(UNAVAILABLE);
      expect(hanging).toHaveBeenCalledTimes(begun);
      const other = writes.run(['other'], () => Promise.resolve());
      const refused = other.catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await refused).toBe(await failed);
      await vi.advanceTimersByTimeAsync(14_000);
      await writes.run(['row', 'other'], () => Promise.resolve());
    }
  });

  it('may be changed again at once when that has ended, or has failed in time', async () => {
    const writes = new OverdueWrites();
    let end = (): void => undefined;
    const open = new Promise<void>((resolve) => (end = resolve));
    const failed = writes
      .run(['row'], () => new Deadline(1_000).bound(() => open))
      .catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await failed).toMatchObject(UNAVAILABLE);
    end();
    await vi.advanceTimersByTimeAsync(0);
    await expect(writes.run(['row'], () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(writes.run(['row'], () => Promise.resolve('done'))).resolves.toBe('done');
  });
});
