import { afterEach, beforeEach, expect, it } from 'vitest';
import { Clock, Session, SessionEventBus, SessionService } from '../../../lib/index.js';
import { SessionPruner } from '../../../lib/session/end/session-pruner.js';
import { bootApp, type BootedApp } from '../../support/boot-app.js';
import { describeOnEachDatabase } from '../../support/components.js';
import { createTestDatabase, type TestDatabase } from '../../support/databases.js';
import { fillWithSessions } from '../../support/many-rows.js';

const YEAR_MS = 365 * 24 * 60 * 60_000;

describeOnEachDatabase('revoking the sessions of a tenant', (engine) => {
  let database: TestDatabase;
  let booted: BootedApp;
  let sessions: SessionService;
  beforeEach(async () => {
    database = await createTestDatabase(engine);
    const lifetime = { refreshTokenLifetime: '3650d', pruning: false } as const;
    booted = await bootApp({ database: database.options, sessions: lifetime });
    sessions = booted.app.get(SessionService);
  });
  afterEach(async () => {
    await booted.close();
    await database.drop();
  });

  const create = async (userId: string, tenantId: string) =>
    (await sessions.createNewSessionWithoutRequestResponse(tenantId, userId)).getHandle();
  const rows = async () => {
    const found = await booted.dataSource.getRepository(Session).find();
    return found.map(({ handle }) => handle).toSorted();
  };

  it('X2: is undone with the transaction that it stands in', async () => {
    const handle = await create('u1', 'shop');
    const undone = booted.dataSource.transaction(async (manager) => {
      expect(await sessions.withManager(manager).revokeAllSessionsOfTenant('shop')).toBe(1);
      throw new Error('rolled back');
    });
    await expect(undone).rejects.toThrow('rolled back');
    expect(await sessions.getSessionInformation(handle)).toBeDefined();
    await booted.dataSource.transaction((manager) =>
      sessions.withManager(manager).revokeAllSessionsOfTenant('shop'),
    );
    expect(await sessions.getSessionInformation(handle)).toBeUndefined();
  });

  it('X2: tells of each session, and lets those alone that come later', async () => {
    const told: string[] = [];
    booted.app.get(SessionEventBus).on('revoked', ({ sessionHandle, reason }) => {
      told.push(`${sessionHandle} ${reason}`);
    });
    const handle = await create('u1', 'shop');
    await sessions.revokeAllSessionsOfTenant('shop');
    await expect.poll(() => told).toEqual([`${handle} revoked-tenant`]);
    expect(await sessions.explain(handle)).toEqual({ status: 'unknown' });
    booted.clock.advanceMs(1);
    const later = await create('u1', 'shop');
    expect(await sessions.getSessionInformation(later)).toBeDefined();
  });

  it('X2: ends those that lie among thousands of other tenants’, and those alone', async () => {
    const { dataSource, clock } = booted;
    const repository = dataSource.getRepository(Session);
    await fillWithSessions(dataSource, 5_000, clock.now());
    const named = { shop: ['user-0', 'user-3', 'user-999'], SHOP: ['user-1', 'user-998'] };
    for (const [tenantId, users] of Object.entries(named)) {
      for (const userId of users) await repository.update({ userId }, { tenantId });
    }
    const newest = await create('u1', 'shop');
    const before = await rows();
    const gone = await repository.findBy([...named.shop, 'u1'].map((userId) => ({ userId })));
    expect(gone.map(({ handle }) => handle)).toContain(newest);
    expect(await sessions.revokeAllSessionsOfTenant('shop')).toBe(16);
    const handles = new Set(gone.map(({ handle }) => handle));
    expect(await rows()).toEqual(before.filter((handle) => !handles.has(handle)));
    expect(await sessions.revokeAllSessionsOfTenant('SHOP')).toBe(10);
    expect(await repository.countBy({ tenantId: 'public' })).toBe(4_975);
  });

  it('X2: leaves a login alone that begins once it has returned, in the same millisecond', async () => {
    const real = await bootApp({
      database: { ...database.options, synchronize: false },
      sessions: { pruning: false },
      clock: new Clock(),
    });
    const byRealTime = real.app.get(SessionService);
    for (let time = 0; time < 50; time += 1) {
      await byRealTime.revokeAllSessionsOfTenant('shop');
      const login = await byRealTime.createNewSessionWithoutRequestResponse('shop', 'u1');
      expect(await byRealTime.getSessionInformation(login.getHandle())).toBeDefined();
    }
    await real.close();
  });

  it('X2: leaves other tenants’ sessions also when its line in the feed is pruned', async () => {
    await create('u1', 'shop');
    const others = [await create('u1', 'SHOP'), await create('u1', 'public')].toSorted();
    await sessions.revokeAllSessionsOfTenant('shop');
    booted.clock.advanceMs(YEAR_MS);
    await booted.app.get(SessionPruner).prune();
    expect(await rows()).toEqual(others);
    expect(await sessions.getSessionInformation(String(others[0]))).toBeDefined();
  });
});
