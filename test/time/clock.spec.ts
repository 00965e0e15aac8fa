import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../lib/testing/index.js';
import { Clock } from '../../lib/time/clock.js';

describe('the clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_000_123 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('shows the time of this machine, in milliseconds since the epoch', () => {
    expect(new Clock().now()).toBe(1_700_000_000_123);
  });

  it("N1: shows the time of the database's clock once the offset is known", () => {
    const clock = new Clock();
    clock.shiftBy(-90_000);
    expect(clock.now()).toBe(1_699_999_910_123);
  });

  it('adds each correction to what it shows: it was measured against that', () => {
    const clock = new Clock();
    clock.shiftBy(5_000);
    clock.shiftBy(-1_000);
    expect(clock.now()).toBe(1_700_000_004_123);
  });

  it('shows whole milliseconds, whatever was measured: the database keeps whole numbers', () => {
    const clock = new Clock();
    clock.shiftBy(0.4);
    expect(clock.now()).toBe(1_700_000_000_123);
    clock.shiftBy(-12.7);
    expect(clock.now()).toBe(1_700_000_000_110);
  });
});

describe('a fake clock', () => {
  it('stands still until it is moved', () => {
    const clock = new FakeClock(1_000);
    expect([clock.now(), clock.now()]).toEqual([1_000, 1_000]);
    clock.advanceMs(500);
    expect(clock.now()).toBe(1_500);
  });

  it('is corrected by nobody', () => {
    const clock: Clock = new FakeClock(1_000);
    clock.shiftBy(5_000);
    expect(clock.now()).toBe(1_000);
  });

  it('begins at a whole second, so that the times in tokens are exact', () => {
    expect(new FakeClock().now() % 1000).toBe(0);
  });
});
