import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sessionEntities } from '../../lib/index.js';
import { ClockCorrection } from '../../lib/store/clock-correction.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { Clock } from '../../lib/time/clock.js';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { StatementLog } from '../support/statement-log.js';

const LONGEST_LOOK_MS = 5_000;
const MOST_LOOKS = 5;

/** The clock of a machine that is wrong, and may jump each time that somebody has looked at it. */
class WrongClock extends Clock {
  jumpsMs: number[] = [];

  constructor(private wrongByMs: number) {
    super();
  }

  override now(): number {
    const shownMs = super.now() + this.wrongByMs;
    this.wrongByMs += this.jumpsMs.shift() ?? 0;
    return shownMs;
  }

  get errorMs(): number {
    return Math.abs(super.now() + this.wrongByMs - Date.now());
  }
}

describeOnEachServer('an instance’s clock', (engine) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let log: StatementLog;
  beforeEach(async () => {
    database = await createTestDatabase(engine);
    const entities = [...sessionEntities];
    log = new StatementLog();
    const options = { ...database.options, entities, logging: true, logger: log };
    dataSource = await new DataSource(options).initialize();
  });
  afterEach(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  function correctionOf(clock: Clock): ClockCorrection {
    return new ClockCorrection(new SessionDatabase(dataSource), clock);
  }

  it.each([-90_000, -80, 80, 90_000])(
    'that is wrong by %d ms is wrong by no more than a statement takes, once measured',
    async (wrongByMs) => {
      const clock = new WrongClock(wrongByMs);
      const begunAt = performance.now();
      await correctionOf(clock).measure();
      expect(clock.errorMs).toBeLessThanOrEqual(performance.now() - begunAt + 1);
    },
  );

  it.each([
    ['back', -45_000],
    ['ahead', 45_000],
  ])(
    'that jumps %s is measured again at once, whenever that is, and also in the midst of a look',
    async (_, jumpMs) => {
      const clock = new WrongClock(0);
      const correction = correctionOf(clock);
      await correction.measure();
      clock.jumpsMs = [jumpMs];
      clock.now();
      await correction.measureWhenDue();
      expect(clock.errorMs).toBeLessThan(LONGEST_LOOK_MS);
      clock.jumpsMs = [jumpMs];
      await correction.measure();
      expect(clock.errorMs).toBeLessThan(LONGEST_LOOK_MS);
    },
  );

  it('is measured once, however many ask for it at once', async () => {
    const correction = correctionOf(new WrongClock(0));
    const before = log.length;
    await Promise.all(Array.from({ length: 10 }, () => correction.measureWhenDue()));
    expect(log.since(before).length).toBeLessThanOrEqual(MOST_LOOKS);
  });

  it('is not asked for again within a minute', async () => {
    const clock = new WrongClock(0);
    const correction = correctionOf(clock);
    await correction.measure();
    await dataSource.destroy();
    await expect(correction.measureWhenDue()).resolves.toBe(false);
    await dataSource.initialize();
  });

  it('has passed a moment for good once it was waited for', async () => {
    const clock = new WrongClock(0);
    const correction = correctionOf(clock);
    await correction.measure();
    const momentMs = clock.now() + 1;
    await correction.waitUntilPast(momentMs);
    expect(clock.now()).toBeGreaterThan(momentMs);
  });
});
