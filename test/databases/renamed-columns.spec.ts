import { DataSource, DefaultNamingStrategy } from 'typeorm';
import { expect, it } from 'vitest';
import { Session } from '../../lib/index.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';
import { logIn, refreshTokenOf, useFleets } from '../support/fleet.js';

const MANY = 12;
const YEAR_MS = 365 * 86_400_000;

/** Names that work only where they are quoted. */
class OwnNames extends DefaultNamingStrategy {
  override tableName(target: string, given: string | undefined): string {
    return `Order ${super.tableName(target, given)}`;
  }

  override columnName(property: string, given: string, prefixes: string[]): string {
    return `select ${super.columnName(property, given, prefixes).toUpperCase()}`;
  }
}

describeOnEachDatabase('tables and columns of other names', (engine) => {
  const startFleet = useFleets(engine);

  async function start() {
    const database = await createTestDatabase(engine);
    const schema = engine === 'postgres' ? { schema: 'People' } : {};
    if (engine === 'postgres') {
      const source = await new DataSource(database.options).initialize();
      await source.query('CREATE SCHEMA "People"');
      await source.destroy();
    }
    const names = { namingStrategy: new OwnNames(), entityPrefix: 'shop_', ...schema };
    const { first } = await startFleet({
      database,
      driver: names,
      sessions: {
        refreshGracePeriod: 0,
        device: { ip: true, userAgent: true, retention: '30d' },
      },
    });
    return { ...first, rows: first.dataSource.getRepository(Session) };
  }

  it('hold sessions that are refreshed, alone and many at once, and a theft among them', async () => {
    const { sessions } = await start();
    const refresh = (token: string) => sessions.refreshSessionWithoutRequestResponse(token);
    let tokens = await Promise.all(
      Array.from({ length: MANY }, async (_, i) =>
        refreshTokenOf(await logIn({ sessions }, `user-${i}`)),
      ),
    );
    const [spent = ''] = tokens;
    for (let round = 0; round < 3; round += 1) {
      const refreshed = await Promise.all(tokens.map(refresh));
      expect(refreshed.map((each) => each.getUserId())).toEqual(tokens.map((_, i) => `user-${i}`));
      tokens = refreshed.map(refreshTokenOf);
    }
    await refresh(tokens[1] ?? '');
    await expect(refresh(spent)).rejects.toThrow('token theft detected');
  });

  it('are ended by user, by tenant and for everyone, and pruned', async () => {
    const { app, sessions, rows, clock } = await start();
    const tenants = ['public', 'shop', 'shop'];
    for (const [index, tenant] of tenants.entries()) {
      await sessions.createNewSessionWithoutRequestResponse(tenant, `user-${index}`);
    }
    expect(await sessions.revokeAllSessionsForUser('user-0')).toHaveLength(1);
    expect(await sessions.revokeAllSessionsOfTenant('shop')).toBe(2);
    clock.advanceMs(1_000);
    await logIn({ sessions });
    expect(await sessions.revokeEverything()).toBe(1);
    clock.advanceMs(1_000);
    await logIn({ sessions });
    clock.advanceMs(YEAR_MS);
    expect(await app.get(SessionPruner).prune()).toBe(1);
    expect(await rows.count()).toBe(0);
  });
});
