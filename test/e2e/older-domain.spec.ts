import { Controller, Get } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  Session,
  SessionEventBus,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { LoginController } from '../support/login.controller.js';

@Controller()
class AppController extends LoginController {
  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }
}

const API = 'https://api.example.com';
const OLDER = 'example.com';

describe.each(platforms)('cookies left from an older domain on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  async function boot(olderDomain: string | undefined): Promise<void> {
    const cookie = { prefix: '' as const, ...(olderDomain === undefined ? {} : { olderDomain }) };
    booted = await bootApp({ platform, controllers: [AppController], sessions: { cookie } });
  }

  async function login(userId: string): Promise<string> {
    const answer = await booted.client(API).post('/login', { userId });
    return refreshTokenIn(answer);
  }

  /** A refresh by a client that sends these refresh tokens, one cookie each. */
  function refresh(...tokens: string[]): Promise<Answer> {
    const cookie = tokens.map((token) => `sRefreshToken=${token}`).join('; ');
    const headers = { cookie };
    return booted.client(API).post('/auth/session/refresh', undefined, { headers });
  }

  it('are removed, and the refresh goes on with the token that is good', async () => {
    await boot(OLDER);
    const good = await login('u1');
    for (const tokens of [
      [good, 'garbage'],
      ['garbage', good],
    ]) {
      const answer = await refresh(...tokens);
      expect(answer.status).toBe(200);
      expect(answer.headers['front-token']).not.toBe('remove');
      expect(refreshTokenIn(answer)).toMatch(/^nasr_/);
      expect(olderLines(answer)).toEqual([
        'sAccessToken=; Max-Age=0; Domain=example.com',
        'sRefreshToken=; Max-Age=0; Domain=example.com',
      ]);
    }
  });

  it('are no sign of theft while another token is good, however old they are', async () => {
    await boot(OLDER);
    const thefts: unknown[] = [];
    booted.app.get(SessionEventBus).on('theftDetected', (event) => void thefts.push(event));
    const spent = await login('u1');
    let current = spent;
    for (let refreshes = 0; refreshes < 2; refreshes += 1) {
      current = refreshTokenIn(await refresh(current));
      await refresh(current);
      booted.clock.advanceMs(91_000);
    }
    expect((await refresh(spent, current)).status).toBe(200);
    expect(thefts).toEqual([]);
    expect(await booted.dataSource.getRepository(Session).count()).toBe(1);
    expect((await refresh(spent)).json).toEqual({
      statusCode: 401,
      code: 'TOKEN_THEFT_DETECTED',
      message: 'token theft detected',
    });
  });

  it('give way to the session of the last login', async () => {
    await boot(OLDER);
    const before = await login('before');
    booted.clock.advanceMs(1_000);
    const last = await login('last');
    for (const tokens of [
      [before, last],
      [last, before],
    ]) {
      const answer = await refresh(...tokens);
      const frontToken = Buffer.from(String(answer.headers['front-token']), 'base64').toString();
      expect(JSON.parse(frontToken)).toMatchObject({ uid: 'last' });
    }
  });

  it('end the session with the answer to the first, where none is good', async () => {
    await boot(OLDER);
    const answer = await refresh('garbage', 'rubbish');
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' });
  });

  it('are removed at login and at sign-out, and sign-out ends the session all the same', async () => {
    await boot(OLDER);
    const client = booted.client(API);
    expect(olderLines(await client.post('/login', { userId: 'u1' }))).toHaveLength(2);
    const token = (await client.cookie('sRefreshToken')) ?? '';
    const cookie = `sAccessToken=a; sAccessToken=b; sRefreshToken=garbage; sRefreshToken=${token}`;
    const headers = { cookie };
    const out = await booted.client(API).post('/auth/signout', undefined, { headers });
    expect(out.json).toEqual({ status: 'OK' });
    expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
  });

  it('stop a refresh without the option while both sessions live: 401, and nothing changes', async () => {
    await boot(undefined);
    const good = await login('u1');
    const other = await login('u2');
    const answer = await refresh(good, other);
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' });
    expect(answer.setCookies).toEqual([]);
    expect(answer.headers['front-token']).toBeUndefined();
    expect((await refresh(good)).status).toBe(200);
  });

  it('stop a refresh of our own page too, which removes what other paths have left', async () => {
    await boot(undefined);
    const cookie = [await login('u1'), await login('u2')].map((each) => `sRefreshToken=${each}`);
    const headers = { cookie: cookie.join('; '), 'sec-fetch-site': 'same-origin' };
    const answer = await booted.client(API).post('/auth/session/refresh', undefined, { headers });
    expect(answer.status).toBe(401);
    // A cookie with another path is not ours any more. No later login could take it away.
    const paths = answer.setCookies.map((line) => /^sRefreshToken=;.*Path=([^;]*)/.exec(line)?.[1]);
    expect(paths).toEqual(['/auth', '/auth/session', '/auth/session/refresh']);
    expect(answer.headers['front-token']).toBeUndefined();
  });

  it('are read under the prefix that they had, so that a change of domain logs nobody out', async () => {
    booted = await bootApp({
      platform,
      controllers: [AppController],
      sessions: { cookie: { olderDomain: OLDER } },
    });
    const loggedIn = await booted.client(API).post('/login', { userId: 'u1' });
    const olderCookies = loggedIn.setCookies
      .filter((line) => line.startsWith('__Host-'))
      .map((line) => line.slice(0, line.indexOf(';')).replace('__Host-', '__Secure-'))
      .join('; ');
    const headers = { cookie: olderCookies };
    expect((await booted.client(API).get('/me', { headers })).json).toEqual({ userId: 'u1' });
    const answer = await booted.client(API).post('/auth/session/refresh', undefined, { headers });
    expect(answer.status).toBe(200);
    expect(answer.setCookies.map((line) => line.slice(0, line.indexOf('=')))).toEqual([
      '__Host-sAccessToken',
      '__Secure-sAccessToken',
      '__Host-sRefreshToken',
      '__Secure-sRefreshToken',
    ]);
  });

  it('take no request from a newer cookie whose session lives, and its refresh goes on', async () => {
    booted = await bootApp({
      platform,
      controllers: [AppController],
      sessions: { cookie: { olderDomain: OLDER } },
    });
    const own = await cookiesOfLogin('victim');
    booted.clock.advanceMs(3_600_000);
    const planted = (await cookiesOfLogin('attacker')).replaceAll('__Host-', '__Secure-');
    const headersOf = (cookies: string) => ({ headers: { cookie: `${planted}; ${cookies}` } });
    const client = booted.client(API);
    const refused = await client.get('/me', headersOf(own));
    expect([refused.status, refused.json]).toMatchObject([401, { message: 'try refresh token' }]);
    const path = '/auth/session/refresh';
    const refreshed = await client.post(path, undefined, headersOf(own));
    const again = await client.get('/me', headersOf(cookiesIn(refreshed)));
    expect(again.json).toEqual({ userId: 'victim' });
  });

  it('take nothing from a session once the answer to its own page has removed them', async () => {
    await boot(undefined);
    const left = await booted.client(API).post('/login', { userId: 'before' });
    booted.clock.advanceMs(3_600_000);
    const client = booted.client(API);
    await client.post('/login', { userId: 'last' });
    const [access = ''] = cookiesIn(left).split('; ');
    await client.jar.setCookie(`${access}; Path=/me`, `${API}/me`);
    const ofOwnPage = { headers: { 'sec-fetch-site': 'same-origin' } };
    const refused = await client.get('/me', ofOwnPage);
    expect([refused.status, refused.json]).toMatchObject([401, { message: 'try refresh token' }]);
    expect((await client.post('/auth/session/refresh', undefined, ofOwnPage)).status).toBe(200);
    expect((await client.get('/me', ofOwnPage)).json).toEqual({ userId: 'last' });
  });

  async function cookiesOfLogin(userId: string): Promise<string> {
    return cookiesIn(await booted.client(API).post('/login', { userId }));
  }
});

/** The cookies that an answer sets, as a browser sends them. */
function cookiesIn({ setCookies }: Answer): string {
  const pairs = setCookies.map((line) => line.slice(0, line.indexOf(';')));
  return pairs.filter((pair) => !pair.endsWith('=')).join('; ');
}

function refreshTokenIn(answer: Answer): string {
  const line = answer.setCookies.find((each) => /^sRefreshToken=[^;]/.test(each)) ?? '';
  return line.slice('sRefreshToken='.length, line.indexOf(';'));
}

function olderLines(answer: Answer): string[] {
  return answer.setCookies
    .filter((line) => line.includes('Domain=example.com'))
    .map((line) => line.split('; ').slice(0, 3).join('; '));
}
