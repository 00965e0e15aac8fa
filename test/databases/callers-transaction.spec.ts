import { DataSource, type EntityManager } from 'typeorm';
import { afterEach, expect, it } from 'vitest';
import { PrimitiveClaim, sessionEntities, type SessionService } from '../../lib/index.js';
import { SessionFunctions } from '../../lib/session/session-functions.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';
import { logIn, useFleets, type Fleet } from '../support/fleet.js';

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'gold' });

/** Every function that takes part in a transaction, in a call that reads or changes something. */
const CALLS: Readonly<
  Record<keyof SessionFunctions, (sessions: SessionFunctions, handle: string) => Promise<unknown>>
> = {
  createNewSessionWithoutRequestResponse: (sessions) =>
    sessions.createNewSessionWithoutRequestResponse('public', 'bob'),
  getSessionInformation: (sessions, handle) => sessions.getSessionInformation(handle),
  getAllSessionHandlesForUser: (sessions) => sessions.getAllSessionHandlesForUser('bob'),
  revokeSession: (sessions, handle) => sessions.revokeSession(handle),
  revokeMultipleSessions: (sessions, handle) => sessions.revokeMultipleSessions([handle]),
  revokeAllSessionsForUser: (sessions) => sessions.revokeAllSessionsForUser('bob'),
  listSessions: (sessions) => sessions.listSessions('bob'),
  revokeOtherSessions: (sessions, handle) => sessions.revokeOtherSessions('bob', handle),
  revokeAllSessionsOfTenant: (sessions) => sessions.revokeAllSessionsOfTenant('public'),
  explain: (sessions, handle) => sessions.explain(handle),
  forgetUser: (sessions) => sessions.forgetUser('bob'),
  updateSessionDataInDatabase: (sessions, handle) =>
    sessions.updateSessionDataInDatabase(handle, {}),
  mergeIntoAccessTokenPayload: (sessions, handle) =>
    sessions.mergeIntoAccessTokenPayload(handle, { a: 1 }),
  fetchAndSetClaim: (sessions, handle) => sessions.fetchAndSetClaim(handle, plan),
  setClaimValue: (sessions, handle) => sessions.setClaimValue(handle, plan, 'gold'),
  getClaimValue: (sessions, handle) => sessions.getClaimValue(handle, plan),
  removeClaim: (sessions, handle) => sessions.removeClaim(handle, plan),
  markClaimsStale: (sessions) => sessions.markClaimsStale('bob'),
  validateClaimsForSessionHandle: (sessions, handle) =>
    sessions.validateClaimsForSessionHandle(handle),
};

describeOnEachDatabase('withManager', (engine) => {
  const startFleet = useFleets(engine);
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  /** A data source that has tables of the same names. */
  async function otherDataSource(): Promise<DataSource> {
    const database = await createTestDatabase(engine);
    undo.push(() => database.drop());
    const options = { ...database.options, entities: [...sessionEntities], synchronize: true };
    const dataSource = await new DataSource(options).initialize();
    undo.push(() => dataSource.destroy());
    return dataSource;
  }

  async function expectTypeError(
    { first }: Fleet,
    manager: EntityManager,
    message: RegExp,
  ): Promise<void> {
    expect(() => first.sessions.withManager(manager)).toThrow(TypeError);
    expect(() => first.sessions.withManager(manager)).toThrow(message);
    expect(await first.sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
  }

  it('names every function that takes part in a transaction', () => {
    const functions = Object.getOwnPropertyNames(SessionFunctions.prototype);
    expect(functions.filter((name) => name !== 'constructor').toSorted()).toEqual(
      Object.keys(CALLS).toSorted(),
    );
  });

  it('X9: refuses the manager of another data source, in a transaction of that or in none, and ends nothing', async () => {
    const fleet = await startFleet();
    await logIn(fleet.first);
    const other = await otherDataSource();
    await expectTypeError(fleet, other.manager, /another data source/);
    await other.transaction((manager) => expectTypeError(fleet, manager, /another data source/));
  });

  it('refuses a manager of no transaction, and one whose transaction has not begun', async () => {
    const fleet = await startFleet();
    await logIn(fleet.first);
    const { dataSource } = fleet.first;
    await expectTypeError(fleet, dataSource.manager, /no open transaction/);
    await expectTypeError(fleet, dataSource.createEntityManager(), /no open transaction/);
    const runner = dataSource.createQueryRunner();
    await expectTypeError(fleet, runner.manager, /no open transaction/);
    await runner.release();
  });

  it.each(['committed', 'rolled back'])(
    'refuses every function once its transaction is %s, also inside the next one',
    async (end) => {
      const fleet = await startFleet();
      const { first } = fleet;
      const handle = (await logIn(first)).getHandle();
      let late: { manager: EntityManager; sessions: ReturnType<SessionService['withManager']> };
      const over = first.dataSource.transaction(async (manager) => {
        late = { manager, sessions: first.sessions.withManager(manager) };
        await late.sessions.getSessionInformation(handle);
        if (end === 'rolled back') throw new Error('undone');
      });
      await over.catch(() => undefined);
      const expectAllRefused = async (): Promise<void> => {
        for (const call of Object.values(CALLS)) {
          const called = call(late.sessions, handle);
          await expect(called).rejects.toThrow(TypeError);
          await expect(called).rejects.toThrow('transaction of this manager is over');
        }
      };
      await expectAllRefused();
      await first.dataSource.transaction(expectAllRefused);
      expect(() => first.sessions.withManager(late.manager)).toThrow(TypeError);
      expect(await first.sessions.getAllSessionHandlesForUser('bob')).toEqual([handle]);
    },
  );

  it('takes a transaction of the caller’s own query runner, and goes on over the end of a savepoint', async () => {
    const { first } = await startFleet();
    const handle = (await logIn(first)).getHandle();
    const runner = first.dataSource.createQueryRunner();
    await runner.startTransaction();
    const sessions = first.sessions.withManager(runner.manager);
    await runner.manager.transaction(async (manager) => {
      const inSavepoint = first.sessions.withManager(manager);
      await inSavepoint.mergeIntoAccessTokenPayload(handle, { plan: 'gold' });
    });
    await sessions.revokeSession(handle);
    await runner.rollbackTransaction();
    await expect(sessions.revokeSession(handle)).rejects.toThrow(TypeError);
    await runner.release();
    expect(await first.sessions.getSessionInformation(handle)).toMatchObject({
      customClaimsInAccessTokenPayload: {},
    });
  });
});
