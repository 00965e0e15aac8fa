/*
 * Processes with the built package that are told to end, as a deployment does it: by SIGTERM.
 */
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Session, sessionEntities } from '../../lib/index.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, serverUrl, type TestDatabase } from '../support/databases.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { send, type Answer } from '../support/http-client.js';
import { SessionProcess, type ProcessSettings } from '../support/session-process.js';

describeOnEachDatabase('an instance that is told to end', (engine) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let instance: SessionProcess | undefined;
  beforeEach(async () => {
    database = await createTestDatabase(engine);
    dataSource = await new DataSource({
      ...database.options,
      entities: [...sessionEntities],
      synchronize: true,
    }).initialize();
  });
  afterEach(async () => {
    await instance?.kill();
    await dataSource.destroy();
    await database.drop();
  });

  function refresh({ url }: SessionProcess, token: string): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' };
    return send(`${url}/auth/session/refresh`, 'POST', { headers });
  }

  it('writes what it has queued before it ends', { timeout: 60_000 }, async () => {
    instance = await SessionProcess.start({ database: database.options });
    const { refreshToken, handle } = await instance.call('logIn', 'bob');
    const { headers } = await refresh(instance, refreshToken);
    const rows = dataSource.getRepository(Session);
    expect(await rows.findOneBy({ handle })).toMatchObject({ generation: 1, confirmedAt: null });
    void instance.call('acceptAndTerminate', String(headers['st-access-token']));
    expect(await instance.exited()).toBe('SIGTERM');
    expect((await rows.findOneByOrFail({ handle })).confirmedAt).not.toBeNull();
  });

  // A file does not hang; a skipped test would be taken for a component that is missing.
  if (engine === 'sqlite') return;

  it('ends all the same while its database hangs', { timeout: 60_000 }, async () => {
    const proxy = await FaultProxy.to(serverUrl(engine));
    const url = proxy.through(String(Reflect.get(database.options, 'url')));
    instance = await SessionProcess.start({
      database: {
        ...database.options,
        url,
        // As docs/operations.md has it: a driver waits for a connection without end, or for longer than this test.
        ...(engine === 'mariadb' ? { connectTimeout: 1_000 } : { connectTimeoutMS: 1_000 }),
      } as ProcessSettings['database'],
      sessions: { databaseTimeout: '1s' },
    });
    const { refreshToken } = await instance.call('logIn', 'bob');
    const { headers } = await refresh(instance, refreshToken);
    await proxy.set('hang');
    expect((await refresh(instance, refreshToken)).status).toBe(503);
    void instance.call('acceptAndTerminate', String(headers['st-access-token']));
    expect(await instance.exited()).toBe('SIGTERM');
    await proxy.end();
  });
});
