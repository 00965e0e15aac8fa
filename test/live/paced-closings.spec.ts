import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PacedClosings } from '../../lib/live/paced-closings.js';

interface Connection {
  isClosed: boolean;
}

describe('ten thousand connections that end together', () => {
  let closings: PacedClosings;
  let connections: Connection[];

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    closings = new PacedClosings();
    connections = Array.from({ length: 10_000 }, () => ({ isClosed: false }));
    for (const connection of connections) {
      closings.close(connection, () => {
        connection.isClosed = true;
      });
    }
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const closed = (): Connection[] => connections.filter(({ isClosed }) => isClosed);

  async function answer(some: readonly Connection[]): Promise<void> {
    for (const connection of some) closings.closed(connection);
    await turn();
  }

  /** Lets time pass, in which the event loop turns often. */
  async function pass(ms: number, inEachInterval = async (): Promise<void> => {}): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      vi.advanceTimersByTime(10);
      await inEachInterval();
      for (let turns = 0; turns < 100; turns += 1) await turn();
    }
  }

  it('are closed two dozen at a time, and one more for each that answers', async () => {
    expect(closed()).toHaveLength(24);
    await answer(closed().slice(0, 5));
    expect(closed()).toHaveLength(29);
    await answer(closed().slice(5));
    expect(closed()).toHaveLength(53);
  });

  it('are all closed within a second, and no timer is left, if none of them answers', async () => {
    await pass(1_000);
    expect(closed()).toHaveLength(10_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are all closed within a second if all but one in ten are silent', async () => {
    await pass(1_000, () => answer(closed().filter((_, index) => index % 10 === 0)));
    expect(closed()).toHaveLength(10_000);
  });

  it('are closed by two thousand a second after the first two, whatever some do to slow it down', async () => {
    // Eight answers in each turn look as if many answered.
    const eight = (): Connection[] => closed().slice(-8);
    await pass(6_000, async () => {
      for (let turns = 0; turns < 2; turns += 1) await answer(eight());
    });
    expect(closed()).toHaveLength(10_000);
  });

  it('are closed no more than two dozen in one turn of the event loop', async () => {
    await pass(150);
    const before = closed().length;
    vi.advanceTimersByTime(10);
    expect(closed().length - before).toBe(24);
  });

  it('are closed fewer at a time after many have answered together', async () => {
    await pass(150);
    const inFlight = closed();
    expect(inFlight.length).toBeGreaterThan(200);
    for (const connection of inFlight) closings.closed(connection);
    for (let turns = 0; turns < 100; turns += 1) await turn();
    const next = closed().length - inFlight.length;
    expect(next).toBeLessThan(inFlight.length * 0.6);
  });

  it('are left alone where they close by themselves before their turn', async () => {
    const last = connections.at(-1) as Connection;
    await answer([last]);
    await pass(1_000);
    expect(closed()).toHaveLength(9_999);
    expect(last.isClosed).toBe(false);
  });
});

it('a connection that fails to close keeps no other one open', () => {
  const closings = new PacedClosings();
  let isClosed = false;
  closings.close({}, () => {
    throw new Error('it is gone');
  });
  closings.close({}, () => {
    isClosed = true;
  });
  expect(isClosed).toBe(true);
});
