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
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
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

  it('are closed two dozen at a time, and one more for each that answers', async () => {
    expect(closed()).toHaveLength(24);
    await answer(closed().slice(0, 5));
    expect(closed()).toHaveLength(29);
    await answer(closed().slice(5));
    expect(closed()).toHaveLength(53);
  });

  it('are all closed within a second, and no timer is left, if none of them answers', () => {
    vi.advanceTimersByTime(1_000);
    expect(closed()).toHaveLength(10_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are all closed within a second if all but one in ten are silent', async () => {
    for (let ms = 0; ms < 1_000; ms += 10) {
      await answer(closed().filter((_, index) => index % 10 === 0));
      vi.advanceTimersByTime(10);
    }
    expect(closed()).toHaveLength(10_000);
  });

  it('are closed fewer at a time after many have answered together', async () => {
    vi.advanceTimersByTime(150);
    const inFlight = closed();
    expect(inFlight.length).toBeGreaterThan(200);
    await answer(inFlight);
    const next = closed().length - inFlight.length;
    expect(next).toBeLessThan(inFlight.length * 0.6);
  });

  it('are left alone where they close by themselves before their turn', async () => {
    const last = connections.at(-1) as Connection;
    await answer([last]);
    vi.advanceTimersByTime(1_000);
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
