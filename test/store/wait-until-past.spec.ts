import { DataSource } from 'typeorm';
import { expect, it, vi } from 'vitest';
import { sessionEntities } from '../../lib/index.js';
import { ClockCorrection } from '../../lib/store/clock-correction.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { Clock } from '../../lib/time/clock.js';

// A timer of the machine may come early. These come at once.
vi.mock(import('node:timers/promises'), async (original) => ({
  ...(await original()),
  setTimeout: (async () => undefined) as never,
}));

it('the wait for other instances’ clocks lasts until the time is past, however early its timer comes', async () => {
  const entities = [...sessionEntities];
  const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:', entities });
  const clock = new Clock();
  const correction = new ClockCorrection(new SessionDatabase(dataSource), clock);
  const begunAt = performance.now();
  await correction.waitUntilPast(clock.now() + 20);
  expect(performance.now() - begunAt).toBeGreaterThanOrEqual(19);
});
