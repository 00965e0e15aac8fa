import type { DataSourceOptions } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';

describeOnEachServer('a session that two end at the same time', (server) => {
  const isByStatementsForMysql = server === 'mariadb';
  let database: TestDatabase;
  let booted: BootedApp;

  beforeAll(async () => {
    database = await createTestDatabase(server);
    booted = await bootApp({ database: optionsOf(database) });
  });
  afterAll(async () => {
    await booted.close();
    await database.drop();
  });

  it('is ended by one of them, and only that one is told so', async () => {
    expect(booted.dataSource.options.type).toBe(isByStatementsForMysql ? 'mysql' : server);
    const sessions = booted.app.get(SessionService);
    for (let round = 0; round < 20; round += 1) {
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'ada');
      const handle = session.getHandle();
      const told = await Promise.all([
        sessions.revokeSession(handle),
        sessions.revokeSession(handle),
      ]);
      expect(told.filter((isTold) => isTold)).toHaveLength(1);
    }
  });
});

// The driver for MySQL, whose DELETE returns nothing, reaches MariaDB too.
function optionsOf({ options }: TestDatabase): DataSourceOptions {
  return options.type === 'mariadb'
    ? { ...options, type: 'mysql', synchronize: true }
    : { ...options, synchronize: true };
}
