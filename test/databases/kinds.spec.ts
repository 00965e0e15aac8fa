import { Injectable } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { afterEach, expect, it } from 'vitest';
import {
  InjectSessions,
  SessionException,
  SessionModule,
  SessionService,
} from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { logIn, refreshTokenOf } from '../support/fleet.js';

@Injectable()
class Desk {
  constructor(
    readonly customers: SessionService,
    @InjectSessions('staff') readonly staff: SessionService,
  ) {}
}

const forms = [
  ['forRoot', (dataSource: string) => SessionModule.forRoot({ kind: 'staff', dataSource })],
  [
    'forRootAsync',
    (dataSource: string) =>
      SessionModule.forRootAsync({ kind: 'staff', dataSource, useFactory: () => ({}) }),
  ],
] as const;

describeOnEachDatabase('two kinds of sessions in one application', (engine) => {
  const databases: TestDatabase[] = [];
  let booted: BootedApp;

  afterEach(async () => {
    await booted.close();
    for (const each of databases.splice(0)) await each.drop();
  });

  async function boot(form: (typeof forms)[number][1]) {
    const database = await createTestDatabase(engine);
    databases.push(database);
    booted = await bootApp({
      database: database.options,
      providers: [Desk],
      imports: [form('default')],
    });
  }

  async function bootOnTwo(form: (typeof forms)[number][1]) {
    const [first, second] = [await createTestDatabase(engine), await createTestDatabase(engine)];
    databases.push(first, second);
    booted = await bootApp({
      database: first.options,
      providers: [Desk],
      imports: [
        TypeOrmModule.forRoot({
          ...second.options,
          name: 'offices',
          synchronize: true,
          autoLoadEntities: true,
        }),
        form('offices'),
      ],
    });
  }

  const customers = () => booted.app.get(Desk).customers;
  const staff = () => booted.app.get(Desk).staff;

  it.each(forms)('refuse each other’s tokens without a request too, by %s', async (_, form) => {
    await boot(form);
    for (const [own, other] of [
      [customers(), staff()],
      [staff(), customers()],
    ] as const) {
      const session = await logIn({ sessions: own }, '1');
      const token = session.getAccessToken();
      await expect(other.getSessionWithoutRequestResponse(token)).rejects.toBeInstanceOf(
        SessionException,
      );
      await expect(
        other.refreshSessionWithoutRequestResponse(refreshTokenOf(session)),
      ).rejects.toBeInstanceOf(SessionException);
      expect(await other.getSessionInformation(session.getHandle())).toBeUndefined();
      expect(await other.revokeSession(session.getHandle())).toBe(false);
      await own.getSessionWithoutRequestResponse(token, undefined, { checkDatabase: true });
      await own.refreshSessionWithoutRequestResponse(refreshTokenOf(session));
    }
  });

  it('end in one transaction what each kind is asked for, and no more', async () => {
    await boot(forms[0][1]);
    await logIn({ sessions: customers() }, '1');
    await logIn({ sessions: staff() }, '1');
    await booted.dataSource.transaction(async (manager) => {
      const ended = await staff().withManager(manager).revokeAllSessionsForUser('1');
      expect(ended).toHaveLength(1);
    });
    expect(await staff().getAllSessionHandlesForUser('1')).toEqual([]);
    expect(await customers().getAllSessionHandlesForUser('1')).toHaveLength(1);
    await customers().revokeEverything();
    expect(await customers().getAllSessionHandlesForUser('1')).toEqual([]);
    await logIn({ sessions: staff() }, '1');
    await customers().revokeEverything();
    expect(await staff().getAllSessionHandlesForUser('1')).toHaveLength(1);
  });

  it.each(forms)('live in a data source each, by %s', async (_, form) => {
    await bootOnTwo(form);
    const offices = booted.app.get<DataSource>(getDataSourceToken('offices'));
    await logIn({ sessions: customers() }, '1');
    await logIn({ sessions: staff() }, '1');
    expect(await booted.dataSource.getRepository('Session').count()).toBe(1);
    expect(await offices.getRepository('Session').count()).toBe(1);
    await offices.transaction(async (manager) => {
      expect(() => customers().withManager(manager)).toThrow(TypeError);
      await staff().withManager(manager).revokeAllSessionsForUser('1');
    });
    await booted.dataSource.transaction(async (manager) => {
      expect(() => staff().withManager(manager)).toThrow(TypeError);
    });
    expect(await staff().getAllSessionHandlesForUser('1')).toEqual([]);
    expect(await customers().getAllSessionHandlesForUser('1')).toHaveLength(1);
  });
});
