import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets } from '../support/fleet.js';

const TEXT = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
const [TABLE = ''] = /CREATE TABLE basket \([^;]*;/.exec(TEXT) ?? [];
const [SELECT = ''] = /SELECT handle, "createdAt" FROM auth_session [^;]*;/.exec(TEXT) ?? [];

describeOnEachDatabase('what docs/operations.md says of statements of one’s own', (engine) => {
  const startFleet = useFleets(engine);

  it('finds a user’s sessions by the realm, and none of another application', async () => {
    const fleet = await startFleet();
    const { first } = fleet;
    const other = await fleet.join({ audience: 'other' });
    await logIn(other, '7');
    const handle = (await logIn(first, '7')).getHandle();
    const statement = engine === 'mariadb' ? SELECT.replaceAll('"', '') : SELECT;
    expect(await first.dataSource.query(statement)).toMatchObject([{ handle }]);
  });

  it('deletes the rows that belong to a session with it, by a foreign key to its handle', async () => {
    const { first, clock } = await startFleet();
    await first.dataSource.query(TABLE);
    const ids = async (): Promise<unknown> => {
      const rows: { id: unknown }[] = await first.dataSource.query(
        'SELECT id FROM basket ORDER BY id',
      );
      return rows.map(({ id }) => Number(id));
    };
    const logins = [await logIn(first), await logIn(first), await logIn(first, 'al')];
    for (const [index, session] of logins.entries()) {
      const values = `${index}, '${session.getHandle()}'`;
      await first.dataSource.query(`INSERT INTO basket (id, handle) VALUES (${values})`);
    }
    const [one, , other] = logins;
    if (one === undefined || other === undefined) throw new Error('no logins');
    clock.advanceMs(1_000);
    await first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(one));
    expect(await ids()).toEqual([0, 1, 2]);
    await first.sessions.revokeSession(one.getHandle());
    expect(await ids()).toEqual([1, 2]);
    await first.dataSource.transaction(async (manager) => {
      await first.sessions.withManager(manager).revokeAllSessionsForUser('bob');
    });
    expect(await ids()).toEqual([2]);
    await first.sessions.revokeEverything();
    expect(await ids()).toEqual([]);
  });

  const onServers = engine === 'sqlite' ? [] : [engine];
  it.each(onServers)('has no foreign key to the realm and the handle (%s)', async () => {
    const { first } = await startFleet();
    const both =
      'CREATE TABLE basket (realm varchar(32), handle uuid, ' +
      'FOREIGN KEY (realm, handle) REFERENCES auth_session (realm, handle))';
    await expect(first.dataSource.query(both)).rejects.toThrow(/constraint|errno: 150/);
  });
});
