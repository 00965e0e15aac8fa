import { Controller } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { Session, SessionService, type SessionDeviceOptions } from '../../lib/index.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { loginAs } from '../support/login.controller.js';

const DAY_MS = 24 * 3_600_000;
const WINDOWS =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';

@Controller()
class AppController extends loginAs('bob') {}

describe.each(platforms)('the device of a session on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  async function boot(device?: SessionDeviceOptions): Promise<void> {
    const sessions = device && { device };
    booted = await bootApp({
      platform,
      controllers: [AppController],
      ...(sessions && { sessions }),
    });
  }
  async function deviceOf(userAgent: string): Promise<unknown> {
    const headers = userAgent === '' ? undefined : { 'user-agent': userAgent };
    await booted.client().post('/login', undefined, { ...(headers && { headers }) });
    const [summary] = await booted.app.get(SessionService).listSessions('bob');
    return summary?.device;
  }

  it('is not kept', async () => {
    await boot();
    expect(await deviceOf(WINDOWS)).toEqual({ ip: null, userAgent: null, name: null });
    const [row] = await booted.dataSource.getRepository(Session).find();
    expect(row).toMatchObject({ ip: null, userAgent: null });
  });

  it('is kept as far as it is asked for', async () => {
    await boot({ ip: true });
    expect(await deviceOf(WINDOWS)).toEqual({ ip: '127.0.0.1', userAgent: null, name: null });
  });

  it.each([
    [WINDOWS, 'Chrome on Windows'],
    [IPHONE, 'Safari on iOS'],
    ['curl/8.5.0', null],
    ['?', null],
  ])('has a name that people understand: %s', async (userAgent, name) => {
    await boot({ userAgent: true });
    expect(await deviceOf(userAgent)).toEqual({ ip: null, userAgent, name });
  });

  it('has no name without a user agent', async () => {
    await boot({ ip: true, userAgent: true });
    expect(await deviceOf('')).toEqual({ ip: '127.0.0.1', userAgent: null, name: null });
  });

  it('is kept without what no text should hold, and cut where it is too long', async () => {
    await boot({ userAgent: true });
    expect(await deviceOf('Evil\t<b>\u0085agent')).toMatchObject({ userAgent: 'Evil <b> agent' });
    booted.clock.advanceMs(1);
    expect(await deviceOf('x'.repeat(4_000))).toMatchObject({ userAgent: 'x'.repeat(256) });
  });
});

describeOnEachDatabase('what is known of a device', (engine) => {
  it('is gone after its retention: from the lists at once, from the rows when they are pruned', async () => {
    const database = await createTestDatabase(engine);
    const booted = await bootOn(database);
    const sessions = booted.app.get(SessionService);
    const rows = booted.dataSource.getRepository(Session);
    const login = () =>
      booted.client().post('/login', undefined, { headers: { 'user-agent': WINDOWS } });
    const listed = async () =>
      (await sessions.listSessions('bob')).map(({ device }) => device.name ?? device.ip);
    const kept = async () =>
      (await rows.find()).filter(({ ip, userAgent }) => ip !== null || userAgent !== null).length;

    await login();
    booted.clock.advanceMs(DAY_MS);
    await login();
    await booted.app.get(SessionPruner).prune();
    expect([await listed(), await kept()]).toEqual([['Chrome on Windows', 'Chrome on Windows'], 2]);
    booted.clock.advanceMs(6 * DAY_MS - 1);
    await booted.app.get(SessionPruner).prune();
    expect([await listed(), await kept()]).toEqual([['Chrome on Windows', 'Chrome on Windows'], 2]);
    booted.clock.advanceMs(1);
    expect([await listed(), await kept()]).toEqual([['Chrome on Windows', null], 2]);
    await booted.app.get(SessionPruner).prune();
    expect([await listed(), await kept()]).toEqual([['Chrome on Windows', null], 1]);
    booted.clock.advanceMs(DAY_MS);
    await booted.app.get(SessionPruner).prune();
    expect([await listed(), await kept()]).toEqual([[null, null], 0]);
    expect(await rows.count()).toBe(2);
    await booted.close();
    await database.drop();
  });

  it('goes in batches', async () => {
    const database = await createTestDatabase(engine);
    const booted = await bootOn(database);
    const rows = booted.dataSource.getRepository(Session);
    await booted.client().post('/login', undefined, { headers: { 'user-agent': WINDOWS } });
    const [row] = await rows.find();
    const copies = Array.from({ length: 1_100 }, (_, index) => {
      const digits = index.toString(16).padStart(12, '0');
      return Object.assign({}, row, { handle: `${row?.handle.slice(0, 24)}${digits}` });
    });
    await rows.insert(copies);
    booted.clock.advanceMs(7 * DAY_MS);
    await booted.app.get(SessionPruner).prune();
    expect(await rows.countBy({ userAgent: WINDOWS })).toBe(0);
    expect(await rows.count()).toBe(1_101);
    await booted.close();
    await database.drop();
  });
});

function bootOn({ options }: TestDatabase): Promise<BootedApp> {
  const device = { ip: true, userAgent: true, retention: '7d' } as const;
  return bootApp({ database: options, controllers: [AppController], sessions: { device } });
}
