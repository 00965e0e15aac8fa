import { afterEach, expect, it } from 'vitest';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase, serverUrl } from '../support/databases.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { logIn, refreshTokenOf, useFleets } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';

const WHEN_IT_IS_BACK = { timeout: 15_000, interval: 100 };

describeOnEachServer('with `replication`, a primary that is away for a while', (engine) => {
  let proxy: FaultProxy;
  const startFleet = useFleets(async () => {
    proxy = await FaultProxy.to(serverUrl(engine));
    const database = await createTestDatabase(engine);
    const url = 'url' in database.options ? (database.options.url ?? '') : '';
    const replication = {
      master: { url: proxy.through(url) },
      slaves: [{ url }],
      // As docs/operations.md has it: without this the driver gives the primary up for good.
      ...(engine === 'mariadb' && { restoreNodeTimeout: 500 }),
    };
    return { ...database, options: { type: engine, replication } };
  });
  afterEach(() => proxy.end());

  it('is an outage of the sessions, which ends by itself', async () => {
    const { first } = await startFleet();
    const headers = { 'st-auth-mode': 'header' };
    const token = refreshTokenOf(await logIn(first));
    const refresh = (): Promise<Answer> =>
      send(`${first.url}/auth/session/refresh`, 'POST', {
        headers: { ...headers, authorization: `Bearer ${token}` },
      });
    await proxy.set('refuse');
    for (let attempt = 0; attempt < 8; attempt += 1) {
      expect(await refresh()).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    }
    await proxy.set('none');
    await expect.poll(refresh, WHEN_IT_IS_BACK).toMatchObject({ status: 200 });
    expect(first.events).not.toContain('theftDetected');
  });
});
