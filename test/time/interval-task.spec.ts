import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IntervalTask } from '../../lib/time/interval-task.js';

const DAY_MS = 24 * 60 * 60 * 1000;
// The delay after a run is the interval and up to a tenth more or less.
const ROUND_MS = 1_100;

describe('an interval task', () => {
  let task: IntervalTask | undefined;
  const errors: unknown[] = [];

  function make(intervalMs: number, run: () => Promise<void>): IntervalTask {
    task = new IntervalTask(intervalMs, run, (error) => errors.push(error));
    return task;
  }

  beforeEach(() => {
    vi.useFakeTimers();
    errors.length = 0;
  });
  afterEach(async () => {
    await task?.stop();
    vi.useRealTimers();
  });

  it('does nothing before it is started', async () => {
    const run = vi.fn(async () => {});
    make(1_000, run);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(run).not.toHaveBeenCalled();
  });

  it('runs for the first time after one interval, then again and again', async () => {
    const run = vi.fn(async () => {});
    make(1_000, run).start();
    await vi.advanceTimersByTimeAsync(999);
    expect(run).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(ROUND_MS);
    expect(run).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(3 * ROUND_MS);
    expect(run.mock.calls.length).toBeGreaterThanOrEqual(5);
  });

  it('runs on one timer, however often it is started', async () => {
    const run = vi.fn(async () => {});
    const interval = make(1_000, run);
    interval.start();
    interval.start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(ROUND_MS);
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('that is told to be quiet runs on, and reports no more failures', async () => {
    const run = vi.fn(() => Promise.reject(new Error('closed')));
    const interval = make(1_000, run);
    interval.start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(errors).toHaveLength(1);
    interval.beQuiet();
    await vi.advanceTimersByTimeAsync(2 * ROUND_MS);
    expect(run.mock.calls.length).toBeGreaterThanOrEqual(3);
    expect(errors).toHaveLength(1);
  });

  it('never runs twice at once, and waits a whole interval after a slow run', async () => {
    const finish: (() => void)[] = [];
    const run = vi.fn(() => new Promise<void>((resolve) => finish.push(resolve)));
    make(1_000, run).start();
    await vi.advanceTimersByTimeAsync(50_000);
    expect(run).toHaveBeenCalledTimes(1);
    finish.pop()?.();
    await vi.advanceTimersByTimeAsync(899);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(201);
    expect(run).toHaveBeenCalledTimes(2);
    finish.pop()?.();
  });

  it('shares a run that is under way with whoever asks for one now', async () => {
    const finish: (() => void)[] = [];
    const run = vi.fn(() => new Promise<void>((resolve) => finish.push(resolve)));
    const interval = make(1_000, run);
    const both = Promise.all([interval.runNow(), interval.runNow()]);
    expect(run).toHaveBeenCalledTimes(1);
    finish.pop()?.();
    await both;
    void interval.runNow();
    expect(run).toHaveBeenCalledTimes(2);
    finish.pop()?.();
  });

  it('reports a failing run and goes on', async () => {
    const failure = new Error('no database');
    const run = vi.fn(() => Promise.reject(failure));
    make(1_000, run).start();
    await vi.advanceTimersByTimeAsync(1_000 + ROUND_MS);
    expect(run).toHaveBeenCalledTimes(2);
    expect(errors).toEqual([failure, failure]);
  });

  it('goes on after a run that throws at once instead of failing later', async () => {
    const failure = new Error('not even a promise');
    const run = vi.fn((): Promise<void> => {
      throw failure;
    });
    make(1_000, run).start();
    await vi.advanceTimersByTimeAsync(1_000 + ROUND_MS);
    expect(run).toHaveBeenCalledTimes(2);
    expect(errors).toEqual([failure, failure]);
  });

  it('stops, waiting for the run that is under way', async () => {
    const finish: (() => void)[] = [];
    const run = vi.fn(() => new Promise<void>((resolve) => finish.push(resolve)));
    const interval = make(1_000, run);
    interval.start();
    await vi.advanceTimersByTimeAsync(1_000);
    let isStopped = false;
    const stopping = interval.stop().then(() => (isStopped = true));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(isStopped).toBe(false);
    finish.pop()?.();
    await stopping;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('can be started again after it was stopped', async () => {
    const run = vi.fn(async () => {});
    const interval = make(1_000, run);
    interval.start();
    await interval.stop();
    interval.start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(run).toHaveBeenCalledTimes(1);
  });

  // Node fires a timer of more than 2^31 - 1 ms (24.8 days) at once: a month would be a storm.
  it('waits a whole month where it is told to', async () => {
    const run = vi.fn(async () => {});
    make(30 * DAY_MS, run).start();
    await vi.advanceTimersByTimeAsync(30 * DAY_MS - 1);
    expect(run).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('drifts: no two intervals of several instances need be the same', async () => {
    const random = vi.spyOn(Math, 'random');
    const at: number[] = [];
    make(1_000, async () => void at.push(Date.now())).start();
    const startMs = Date.now();
    random.mockReturnValue(0);
    await vi.advanceTimersByTimeAsync(1_500);
    random.mockReturnValue(0.5);
    await vi.advanceTimersByTimeAsync(1_500);
    random.mockRestore();
    expect(at.slice(0, 3).map((each) => each - startMs)).toEqual([1_000, 1_900, 2_900]);
  });

  it('keeps no process alive', () => {
    vi.useRealTimers();
    const timeout = vi.spyOn(globalThis, 'setTimeout');
    make(60_000, async () => {}).start();
    expect(timeout.mock.results[0]?.value.hasRef()).toBe(false);
    timeout.mockRestore();
  });
});
