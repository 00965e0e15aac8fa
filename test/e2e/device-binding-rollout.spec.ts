import { afterEach, describe, expect, it } from 'vitest';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { CreateSession, Session, SessionModule, VerifySession } from '../../lib/index.js';
import { FakeBrowser, type FakeClock } from '../../lib/testing/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { BIND, BoundController, MINUTE_MS } from '../support/bound-scene.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { payloadOf } from '../support/scene.js';
import { readSetCookie } from '../support/set-cookie.js';

describeOnEachDatabase('the option deviceBinding', (engine) => {
  let database: TestDatabase | undefined;
  let booted: BootedApp | undefined;
  afterEach(async () => {
    await booted?.close();
    await database?.drop();
  });

  it('can be taken back: sessions go on unbound, and are bound anew by no one', async () => {
    database = await createTestDatabase(engine);
    const start = async (deviceBinding: boolean): Promise<BootedApp> => {
      const clock = booted?.clock;
      await booted?.close();
      booted = await bootApp({
        controllers: [BoundController],
        sessions: { deviceBinding },
        database: database?.options as NonNullable<BootOptions['database']>,
        ...(clock && { clock }),
      });
      return booted;
    };
    const on = await start(true);
    let { url } = on;
    const browser = new FakeBrowser({
      get url() {
        return url;
      },
      clock: on.clock,
    });
    await browser.send('POST', '/login', { body: { userId: 'ada' } });
    expect(browser.journal).toEqual(['registered']);

    const off = await start(false);
    ({ url } = off);
    off.clock.advanceMs(11 * MINUTE_MS);
    expect((await browser.send('GET', '/me')).status).toBe(401);
    expect(browser.boundSessions).toEqual([]);
    const refreshed = await browser.send('POST', '/auth/session/refresh');
    expect(refreshed.status).toBe(200);
    const [access] = refreshed.setCookies.map(readSetCookie);
    const { cnf, exp, iat } = payloadOf(access?.value ?? '');
    expect([cnf, Number(exp) - Number(iat)]).toEqual([undefined, 3600]);
    expect((await browser.send('GET', '/me')).text).toContain('"isBound":false');

    const again = await start(true);
    ({ url } = again);
    again.clock.advanceMs(61 * MINUTE_MS);
    expect((await browser.send('POST', '/auth/session/refresh')).status).toBe(200);
    expect((await browser.send('GET', '/me')).text).toContain('"isBound":false');
  });

  it('can be switched on instance by instance: one without it unbinds the session of the browser that it turns away', async () => {
    database = await createTestDatabase(engine);
    const options = database.options as NonNullable<BootOptions['database']>;
    const controllers = [BoundController];
    booted = await bootApp({ controllers, sessions: { deviceBinding: true }, database: options });
    const { clock, url: newUrl } = booted;
    const old = await bootApp({ controllers, database: options, clock });
    try {
      let url = newUrl;
      const browser = new FakeBrowser({
        get url() {
          return url;
        },
        clock,
      });
      await browser.send('POST', '/login', { body: { userId: 'ada' } });
      expect(browser.boundSessions).toHaveLength(1);
      const thief = browser.stolenCookies();
      for (const _ of ['spent', 'left behind']) {
        clock.advanceMs(11 * MINUTE_MS);
        expect((await browser.send('GET', '/me')).status).toBe(200);
      }
      clock.advanceMs(11 * MINUTE_MS);
      ({ url } = old);
      // Browsers omit the cookies if another site's page caused the request. Then they have to come again.
      const [handle = ''] = browser.boundSessions;
      const headers = { 'sec-secure-session-id': handle };
      expect((await fetch(old.url + BIND, { method: 'POST', headers })).status).toBe(503);
      expect((await thief.send('POST', BIND, { headers })).status).toBe(503);
      const row = await booted.dataSource.getRepository(Session).findOneByOrFail({});
      expect(row.deviceKey).not.toBeNull();
      expect((await browser.send('GET', '/me')).status).toBe(401);
      expect(browser.boundSessions).toEqual([]);
      url = newUrl;
      expect((await browser.send('POST', '/auth/session/refresh')).status).toBe(200);
      expect((await browser.send('GET', '/me')).text).toContain('"isBound":false');
    } finally {
      await old.close();
    }
  });
});

describe.each(platforms)('a change of cookie options, behind %s,', (platform) => {
  it('reaches bound browsers with their next proof', async () => {
    const database = await createTestDatabase('sqlite');
    const start = (sessions: BootOptions['sessions'], clock?: FakeClock) =>
      bootApp({
        platform,
        controllers: [BoundController],
        sessions: { deviceBinding: true, ...sessions },
        database: database.options as NonNullable<BootOptions['database']>,
        ...(clock && { clock }),
      });
    let booted = await start({});
    try {
      const browser = new FakeBrowser({
        get url() {
          return booted.url;
        },
        clock: booted.clock,
      });
      const statusOf = async (initiator?: string): Promise<number> =>
        (await browser.send('GET', '/me', initiator === undefined ? {} : { initiator })).status;
      await browser.send('POST', '/login', { body: { userId: 'ada' } });
      await booted.close();
      const page = 'https://www.example.com';
      booted = await start(
        { cookie: { sameSite: 'strict' }, trustedOrigins: [page] },
        booted.clock,
      );
      booted.clock.advanceMs(11 * MINUTE_MS);
      expect(await statusOf()).toBe(200);
      expect(await statusOf()).toBe(200);
      expect(browser.journal).toEqual(['registered', 'refreshed']);
      booted.clock.advanceMs(11 * MINUTE_MS);
      expect(await statusOf(page)).toBe(200);
      expect(browser.journal).toEqual(['registered', 'refreshed', 'refreshed']);
    } finally {
      await booted.close();
      await database.drop();
    }
  });
});

@Controller('staff')
class StaffController {
  @Post('login')
  @CreateSession({ kind: 'staff' })
  login(@Body() { userId }: { userId: string }): string {
    return userId;
  }

  @Get('me')
  @VerifySession({ kind: 'staff', bound: true })
  me(): string {
    return 'staff';
  }
}

describe.each(platforms)('two kinds of sessions on one host, behind %s,', (platform) => {
  it('are bound each to a key of its own, by a route of its own', async () => {
    const booted = await bootApp({
      platform,
      controllers: [BoundController, StaffController],
      sessions: { deviceBinding: true },
      imports: [SessionModule.forRoot({ kind: 'staff', deviceBinding: true })],
    });
    try {
      const browser = new FakeBrowser({ url: booted.url, clock: booted.clock });
      await browser.send('POST', '/login', { body: { userId: 'ada' } });
      await browser.send('POST', '/staff/login', { body: { userId: 'ada' } });
      expect(browser.journal).toEqual(['registered', 'registered']);
      booted.clock.advanceMs(11 * MINUTE_MS);
      expect((await browser.send('GET', '/me')).status).toBe(200);
      expect((await browser.send('GET', '/staff/me')).status).toBe(200);
      const [customer = ''] = browser.boundSessions;
      const asked = { 'sec-secure-session-id': customer };
      const answer = await browser.send('POST', '/auth/staff/session/bind', { headers: asked });
      expect(answer.status).toBe(401);
      expect((await browser.send('POST', BIND, { headers: asked })).status).toBe(403);
    } finally {
      await booted.close();
    }
  });
});
