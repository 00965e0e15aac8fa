import { Controller } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { afterEach, expect, it } from 'vitest';
import { Session } from '../../lib/index.js';
import { sessionMigrations } from '../../lib/migrations.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { loginAs } from '../support/login.controller.js';

@Controller()
class LoginController extends loginAs('u1') {}

describeOnEachDatabase(
  'an application that runs the migrations instead of `synchronize`',
  (engine) => {
    let booted: BootedApp | undefined;
    const databases: TestDatabase[] = [];

    async function migratedDatabase() {
      const database = await createTestDatabase(engine);
      databases.push(database);
      const migrations = [...sessionMigrations];
      return { ...database.options, synchronize: false, migrationsRun: true, migrations };
    }

    afterEach(async () => {
      await booted?.close();
      for (const database of databases.splice(0)) await database.drop();
    });

    it('starts on an empty database and logs users in', async () => {
      booted = await bootApp({
        database: await migratedDatabase(),
        controllers: [LoginController],
      });
      expect((await booted.client().post('/login')).status).toBe(201);
      expect(await booted.dataSource.getRepository(Session).count()).toBe(1);
    });

    it('keeps the sessions in a second data source, by its name', async () => {
      const second = await migratedDatabase();
      booted = await bootApp({
        controllers: [LoginController],
        imports: [TypeOrmModule.forRoot({ ...second, name: 'sessions', autoLoadEntities: true })],
        sessions: { dataSource: 'sessions' },
      });
      expect((await booted.client().post('/login')).status).toBe(201);
      const source = booted.app.get<DataSource>(getDataSourceToken('sessions'));
      expect(await source.getRepository(Session).count()).toBe(1);
    });
  },
);
