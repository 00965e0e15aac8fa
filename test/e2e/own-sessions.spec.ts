import { Controller, Get } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionService, VerifySession, type SessionSummary } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { payloadOf } from '../support/scene.js';
import { LoginController } from '../support/login.controller.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

@Controller()
class AppController extends LoginController {
  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }
}

type Listed = SessionSummary & { isCurrent: boolean };

describe.each(platforms)("a user's own sessions on %s", (platform) => {
  let booted: BootedApp;
  let sessions: SessionService;
  let phone: HttpClient;
  let laptop: HttpClient;
  let stranger: HttpClient;

  beforeEach(async () => {
    booted = await bootApp({ platform, controllers: [AppController] });
    sessions = booted.app.get(SessionService);
    phone = await login('bob');
    booted.clock.advanceMs(1_000);
    laptop = await login('bob');
    stranger = await login('eve');
  });
  afterEach(() => booted.close());

  async function login(userId: string): Promise<HttpClient> {
    const client = booted.client();
    await client.post('/login', { userId });
    return client;
  }
  const handleOf = async (client: HttpClient) =>
    String(payloadOf(String(await client.cookie('sAccessToken')))['sessionHandle']);
  const list = async (client: HttpClient) =>
    ((await client.get('/auth/sessions')).json as { sessions: Listed[] }).sessions;
  const end = (client: HttpClient, handle: string) =>
    client.send('DELETE', `/auth/sessions/${handle}`);
  const isIn = async (client: HttpClient) => (await client.get('/me')).status === 200;

  it('are listed, the newest first, with which one this is', async () => {
    const nowMs = booted.clock.now();
    const device = { ip: null, userAgent: null, name: null };
    const listed = [
      {
        sessionHandle: await handleOf(laptop),
        tenantId: 'public',
        timeCreated: nowMs,
        lastActive: nowMs,
        expiry: nowMs + 100 * DAY_MS,
        device,
        isCurrent: false,
      },
      {
        sessionHandle: await handleOf(phone),
        tenantId: 'public',
        timeCreated: nowMs - 1_000,
        lastActive: nowMs - 1_000,
        expiry: nowMs - 1_000 + 100 * DAY_MS,
        device,
        isCurrent: true,
      },
    ];
    expect(await list(phone)).toEqual(listed);
    expect(await list(laptop)).toMatchObject([{ isCurrent: true }, { isCurrent: false }]);
  });

  it('are listed in pages', async () => {
    const page = async (query: string) => {
      const { status, json } = await phone.get(`/auth/sessions?${query}`);
      const { sessions: listed = [], next } = json as { sessions?: Listed[]; next?: string };
      return { status, handles: listed.map((each) => each.sessionHandle), next };
    };
    const newest = await handleOf(laptop);
    expect(await page('limit=1')).toEqual({ status: 200, handles: [newest], next: newest });
    const rest = { status: 200, handles: [await handleOf(phone)], next: undefined };
    expect(await page(`before=${newest}`)).toEqual(rest);
    expect(await page(`limit=1&before=${newest}`)).toEqual(rest);
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=1e2',
    'limit=',
    'limit=1&limit=2',
    'before=',
    'before=nobody',
    'before=x&before=y',
    'limit[a]=1',
  ])('are not listed for a page of %s', async (query) => {
    const answer = await phone.get(`/auth/sessions?${query}`);
    expect(answer.status).toBe(query.startsWith('limit[') ? answer.status : 400);
    expect(answer.status).toBeLessThan(500);
  });

  it('are listed for the server', async () => {
    const [first, second] = await sessions.listSessions('bob');
    expect([first?.sessionHandle, second?.sessionHandle]).toEqual([
      await handleOf(laptop),
      await handleOf(phone),
    ]);
    expect(first).not.toHaveProperty('isCurrent');
  });

  it('say when they were active last, which is their last refresh', async () => {
    booted.clock.advanceMs(HOUR_MS / 2);
    await phone.post('/auth/session/refresh');
    const [, own] = await list(laptop);
    const nowMs = booted.clock.now();
    expect(own).toMatchObject({ lastActive: nowMs, expiry: nowMs + 100 * DAY_MS });
  });

  it('are left out once they are over', async () => {
    booted.clock.advanceMs(99 * DAY_MS);
    await laptop.post('/auth/session/refresh');
    booted.clock.advanceMs(2 * DAY_MS);
    await laptop.post('/auth/session/refresh');
    expect((await list(laptop)).map(({ isCurrent }) => isCurrent)).toEqual([true]);
  });

  it('end one by one, by the handle', async () => {
    expect((await end(phone, await handleOf(laptop))).json).toEqual({ status: 'OK' });
    expect([await isIn(phone), await isIn(laptop)]).toEqual([true, false]);
    expect(await list(phone)).toHaveLength(1);
    expect((await laptop.post('/auth/session/refresh')).status).toBe(401);
  });

  it('end with their tokens where it is this one', async () => {
    const answer = await end(phone, await handleOf(phone));
    expect(answer.status).toBe(200);
    expect(answer.headers['front-token']).toBe('remove');
    expect(await phone.cookie('sAccessToken')).toBeUndefined();
    expect([await isIn(phone), await isIn(laptop)]).toEqual([false, true]);
  });

  it('end all at once, but for this one and those of others', async () => {
    const third = await login('bob');
    expect((await phone.send('DELETE', '/auth/sessions')).json).toEqual({
      status: 'OK',
      revoked: 2,
    });
    const clients = [phone, laptop, third, stranger];
    expect(await Promise.all(clients.map(isIn))).toEqual([true, false, false, true]);
    expect((await phone.send('DELETE', '/auth/sessions')).json).toMatchObject({ revoked: 0 });
  });

  it.each([
    ["somebody else's", () => handleOf(stranger)],
    ['one that never was', () => '01900000-0000-7000-8000-000000000000'],
    ['what is no handle', () => "' OR 1=1 --"],
    ['a name of every object', () => '__proto__'],
  ])('answer alike for %s, and it goes on', async (_, handle) => {
    const answer = await end(phone, encodeURIComponent(await handle()));
    expect(answer.status).toBe(404);
    expect(answer.json).toEqual({ message: 'Not Found', statusCode: 404 });
    expect(await Promise.all([phone, laptop, stranger].map(isIn))).toEqual([true, true, true]);
  });

  it('are told to nobody without a session, nor ended by one', async () => {
    const nobody = booted.client();
    const target = await handleOf(phone);
    expect((await nobody.get('/auth/sessions')).status).toBe(401);
    expect((await end(nobody, target)).status).toBe(401);
    expect((await nobody.send('DELETE', '/auth/sessions')).status).toBe(401);
    expect(await isIn(phone)).toBe(true);
  });

  it("are not ended by another site's page", async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    const target = await handleOf(laptop);
    const paths = ['/auth/sessions', `/auth/sessions/${target}`];
    for (const path of paths) {
      expect((await phone.send('DELETE', path, { headers })).status).toBe(401);
    }
    expect(await isIn(laptop)).toBe(true);
  });

  it('are not told to a session that another instance has ended', async () => {
    const target = await handleOf(phone);
    await booted.dataSource.query(`DELETE FROM auth_session WHERE handle = '${target}'`);
    expect((await phone.get('/auth/sessions')).status).toBe(401);
  });

  it('can be ended by the server, but for one', async () => {
    const kept = await handleOf(laptop);
    const ended = await sessions.revokeOtherSessions('bob', kept);
    expect(ended).toEqual([await handleOf(phone)]);
    expect(await Promise.all([phone, laptop, stranger].map(isIn))).toEqual([false, true, true]);
  });

  it('have routes that can be switched off', async () => {
    const closed = await bootApp({ platform, sessions: { routes: { sessionList: false } } });
    expect((await closed.client().get('/auth/sessions')).status).toBe(404);
    expect((await closed.client().send('DELETE', '/auth/sessions')).status).toBe(404);
    await closed.close();
  });
});
