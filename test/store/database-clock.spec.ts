import { DataSource } from 'typeorm';
import { expect, it } from 'vitest';
import { sessionEntities } from '../../lib/index.js';
import { databaseNowMs } from '../../lib/store/database-clock.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { describeOnEachServer, describeWithOwnServer } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';

describeOnEachServer('the clock of the database', (engine) => {
  it('is read to parts of a millisecond, between the question and the answer', async () => {
    const database = await createTestDatabase(engine);
    const dataSource = await new DataSource({
      ...database.options,
      entities: [...sessionEntities],
    }).initialize();
    const times: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      const beforeMs = Date.now();
      const nowMs = (await databaseNowMs(new SessionDatabase(dataSource))) ?? Number.NaN;
      expect(nowMs).toBeGreaterThanOrEqual(beforeMs);
      expect(nowMs).toBeLessThan(Date.now() + 1);
      times.push(nowMs);
    }
    expect(times.some((each) => !Number.isInteger(each))).toBe(true);
    await dataSource.destroy();
    await database.drop();
  });
});

describeWithOwnServer('mariadb', 'the clock of a database where summer time ends', (start) => {
  const server = start();

  it('goes on in the hour that comes twice', async () => {
    const { options } = await server().createDatabase();
    const entities = [...sessionEntities];
    const dataSource = await new DataSource({ ...options, entities }).initialize();
    await dataSource.query(`INSERT INTO mysql.time_zone VALUES (1, 'N')`);
    await dataSource.query(`INSERT INTO mysql.time_zone_name VALUES ('Some/Where', 1)`);
    await dataSource.query(
      `INSERT INTO mysql.time_zone_transition VALUES (1, 1743296400, 1), (1, 1761440400, 0)`,
    );
    await dataSource.query(
      `INSERT INTO mysql.time_zone_transition_type VALUES (1, 0, 3600, 0, 'CET'), (1, 1, 7200, 1, 'CEST')`,
    );
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    const database = new SessionDatabase(dataSource).withManager(runner.manager);
    await runner.query(`SET time_zone = 'Some/Where'`);
    for (const atSeconds of [1_761_438_600, 1_761_442_200]) {
      await runner.query(`SET timestamp = ${atSeconds}.5`);
      const [{ clock }] = (await runner.query('SELECT TIME(NOW()) AS clock')) as [
        { clock: string },
      ];
      expect(clock).toBe('02:30:00');
      expect(await databaseNowMs(database)).toBe(atSeconds * 1000 + 500);
    }
    await runner.commitTransaction();
    await runner.release();
    await dataSource.destroy();
  });
});
