import { Controller, Post, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  Session,
  SessionService,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { readFrontToken, verifyByKeyRow } from '../support/issued-tokens.js';
import { readSetCookie, type SetCookie } from '../support/set-cookie.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const HEADER_MODE = { headers: { 'st-auth-mode': 'header' } };

@Controller()
class LoginController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  @CreateSession()
  login(): string {
    return 'ada';
  }

  @Post('login-for-today')
  @CreateSession({ persistent: false })
  loginForToday(): string {
    return 'ada';
  }

  @Post('login-to-stay')
  @CreateSession({ persistent: true })
  loginToStay(): string {
    return 'ada';
  }

  @Post('attach/:method')
  async attach(
    @Req() request: { params: { method: 'cookie' | 'header' } },
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    const session = await this.sessions.createNewSessionWithoutRequestResponse('public', 'ada');
    session.attachToRequestResponse(request, response, request.params.method);
  }
}

function cookiesOf(answer: Answer): Record<string, SetCookie> {
  const cookies = answer.setCookies.map(readSetCookie);
  return Object.fromEntries(cookies.map((cookie) => [cookie.name, cookie]));
}

function exposed(answer: Answer): string[] {
  return String(answer.headers['access-control-expose-headers']).split(', ');
}

describe.each(platforms)('the tokens of a login go out on %s', (platform) => {
  const apps: BootedApp[] = [];
  async function boot(sessions: SessionModuleOptions = {}, cors = false): Promise<BootedApp> {
    const booted = await bootApp({
      platform,
      sessions,
      controllers: [LoginController],
      clock: new FakeClock(NOW_MS),
      prepare: (app) => {
        if (cors)
          app.enableCors({
            origin: 'https://www.example.com',
            credentials: true,
            exposedHeaders: ['x-total', 'front-token'],
          });
      },
    });
    apps.push(booted);
    return booted;
  }
  let plain: BootedApp;
  beforeAll(async () => {
    plain = await boot();
  });
  afterAll(() => Promise.all(apps.map((booted) => booted.close())));

  describe('in cookies', () => {
    it('that last as long as the session, whatever the life of the access token', async () => {
      const cookies = cookiesOf(await plain.client().post('/login'));
      const attributes = {
        path: '/',
        httponly: true,
        samesite: 'Lax',
        'max-age': '8640000',
        expires: 'Sat, 11 Apr 2026 00:00:00 GMT',
      };
      expect(cookies).toStrictEqual({
        sAccessToken: { name: 'sAccessToken', value: expect.stringMatching(/^eyJ/), attributes },
        sRefreshToken: {
          name: 'sRefreshToken',
          value: expect.stringMatching(/^nasr_/),
          attributes,
        },
      });
    });

    it('with a front token for the page, which is told that it may read it', async () => {
      const answer = await plain.client().post('/login');
      expect(readFrontToken(answer.headers['front-token']).uid).toBe('ada');
      expect(exposed(answer)).toEqual(['front-token']);
      expect(answer.headers).not.toHaveProperty('st-access-token');
      expect(answer.headers).not.toHaveProperty('st-refresh-token');
      expect(answer.headers).not.toHaveProperty('anti-csrf');
    });

    it('and are cached by nobody', async () => {
      const { headers } = await plain.client().post('/login');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers.vary).toContain('Cookie, Authorization, Origin');
    });

    it('that end with the browser, and a session that ends sooner, where a login asks for it', async () => {
      const client = plain.client();
      const cookies = cookiesOf(await client.post('/login-for-today'));
      for (const { attributes } of Object.values(cookies)) {
        expect(attributes).toStrictEqual({ path: '/', httponly: true, samesite: 'Lax' });
      }
      const [row] = await plain.dataSource.getRepository(Session).findBy({ persistent: false });
      expect(row?.expiresAt).toBe(NOW_MS + 86_400_000);
    });

    it('that end with the browser by option, unless a login asks for more', async () => {
      const { client } = await boot({ persistent: false, nonPersistentLifetime: '2h' });
      const today = cookiesOf(await client().post('/login'));
      expect(today['sAccessToken']?.attributes).not.toHaveProperty('max-age');
      const stay = cookiesOf(await client().post('/login-to-stay'));
      expect(stay['sRefreshToken']?.attributes).toHaveProperty('max-age', '8640000');
    });

    it('that end with the session where it has an absolute end', async () => {
      const { client } = await boot({ absoluteTimeout: '30d' });
      const cookies = cookiesOf(await client().post('/login'));
      expect(cookies['sAccessToken']?.attributes).toHaveProperty('max-age', '2592000');
    });

    it('beside the access token in a header where a page has to read it', async () => {
      const { client } = await boot({ exposeAccessTokenToFrontendInCookieBasedAuth: true });
      const answer = await client().post('/login');
      expect(answer.headers['st-access-token']).toBe(cookiesOf(answer)['sAccessToken']?.value);
      expect(answer.headers).not.toHaveProperty('st-refresh-token');
      expect(exposed(answer).toSorted()).toEqual(['front-token', 'st-access-token']);
    });

    it('beside an anti-CSRF token, which the access token names too, with VIA_TOKEN', async () => {
      const booted = await boot({ antiCsrf: 'VIA_TOKEN' });
      const answer = await booted.client().post('/login');
      const accessToken = cookiesOf(answer)['sAccessToken']?.value ?? '';
      const claims = await verifyByKeyRow(booted.dataSource, accessToken, NOW_MS);
      expect(answer.headers['anti-csrf']).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(claims['antiCsrfToken']).toBe(answer.headers['anti-csrf']);
      expect(readFrontToken(answer.headers['front-token']).up['antiCsrfToken']).toBe(
        claims['antiCsrfToken'],
      );
      expect(exposed(answer)).toEqual(['front-token', 'anti-csrf']);
    });

    it('to a page on another origin beside the headers that CORS allows already', async () => {
      const { client } = await boot({ trustedOrigins: ['https://www.example.com'] }, true);
      const answer = await client().post('/login', undefined, {
        headers: { origin: 'https://www.example.com', 'sec-fetch-site': 'cross-site' },
      });
      expect(answer.status).toBe(201);
      expect(answer.headers['access-control-allow-origin']).toBe('https://www.example.com');
      expect(String(answer.headers['access-control-expose-headers']).replaceAll(' ', '')).toBe(
        'x-total,front-token',
      );
      expect(String(answer.headers.vary).split(', ').toSorted()).toEqual([
        'Authorization',
        'Cookie',
        'Origin',
      ]);
    });
  });

  describe('in headers', () => {
    it('where the client asks for it, and then in no cookie', async () => {
      const answer = await plain.client().post('/login', undefined, HEADER_MODE);
      expect(answer.setCookies).toEqual([]);
      expect(answer.headers['st-access-token']).toMatch(/^eyJ/);
      expect(answer.headers['st-refresh-token']).toMatch(/^nasr_/);
      expect(readFrontToken(answer.headers['front-token']).uid).toBe('ada');
      expect(exposed(answer).toSorted()).toEqual([
        'front-token',
        'st-access-token',
        'st-refresh-token',
      ]);
      expect(answer.headers['cache-control']).toBe('no-store');
    });

    it('without an anti-CSRF token, which only cookies need', async () => {
      const booted = await boot({ antiCsrf: 'VIA_TOKEN' });
      const answer = await booted.client().post('/login', undefined, HEADER_MODE);
      expect(answer.headers).not.toHaveProperty('anti-csrf');
      const token = String(answer.headers['st-access-token']);
      const claims = await verifyByKeyRow(booted.dataSource, token, NOW_MS);
      expect(claims).toHaveProperty('antiCsrfToken', null);
    });

    it('where the server says so, whatever the client asks for', async () => {
      const { client } = await boot({ tokenTransferMethod: 'header' });
      const answer = await client().post('/login', undefined, {
        headers: { 'st-auth-mode': 'cookie' },
      });
      expect(answer.setCookies).toEqual([]);
      expect(answer.headers).toHaveProperty('st-access-token');
    });

    it('never, where the server says so', async () => {
      const { client } = await boot({ tokenTransferMethod: 'cookie' });
      const answer = await client().post('/login', undefined, HEADER_MODE);
      expect(answer.setCookies).toHaveLength(2);
      expect(answer.headers).not.toHaveProperty('st-access-token');
    });

    it('or in cookies, as the application says for each request', async () => {
      const { client } = await boot({
        tokenTransferMethod: (request) =>
          (request as { headers: Record<string, unknown> }).headers['x-app'] === 'mobile'
            ? 'header'
            : 'cookie',
      });
      const mobile = await client().post('/login', undefined, { headers: { 'x-app': 'mobile' } });
      const browser = await client().post('/login');
      expect(mobile.headers).toHaveProperty('st-access-token');
      expect(browser.setCookies).toHaveLength(2);
    });

    it('not at all where the application says nonsense: 500, and no row', async () => {
      const booted = await boot({ tokenTransferMethod: () => undefined as unknown as 'cookie' });
      const answer = await booted.client().post('/login');
      expect(answer.status).toBe(500);
      expect(answer.setCookies).toEqual([]);
      expect(answer.headers).not.toHaveProperty('st-access-token');
      expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
    });
  });

  // A stale token of the other kind would be taken for the session from then on.
  describe('and the tokens of the other kind are removed', () => {
    it('from the headers, where the login came with one of any kind', async () => {
      for (const authorization of ['Bearer old', 'Bearer undefined']) {
        const answer = await plain
          .client()
          .post('/login', undefined, { headers: { authorization } });
        expect(answer.setCookies).toHaveLength(2);
        expect(answer.headers['st-access-token']).toBe('');
        expect(answer.headers['st-refresh-token']).toBe('');
        expect(readFrontToken(answer.headers['front-token']).uid).toBe('ada');
        expect(exposed(answer).toSorted()).toEqual([
          'front-token',
          'st-access-token',
          'st-refresh-token',
        ]);
      }
    });

    it('from the cookies, where the login came with one', async () => {
      const client = plain.client();
      await client.post('/login');
      const answer = await client.post('/login', undefined, HEADER_MODE);
      expect(answer.headers['st-access-token']).toMatch(/^eyJ/);
      expect(readFrontToken(answer.headers['front-token']).uid).toBe('ada');
      expect(answer.setCookies.map((line) => readSetCookie(line).value)).toEqual(['', '']);
      expect(await client.cookie('sAccessToken')).toBeUndefined();
      expect(await client.cookie('sRefreshToken')).toBeUndefined();
    });

    it('not, where there are none', async () => {
      const headers = { authorization: 'Basic YTpi' };
      const answer = await plain.client().post('/login', undefined, { headers });
      expect(answer.headers).not.toHaveProperty('st-access-token');
    });

    it('and an access token that a page may read stays the new one', async () => {
      const { client } = await boot({ exposeAccessTokenToFrontendInCookieBasedAuth: true });
      const headers = { authorization: 'Bearer old' };
      const answer = await client().post('/login', undefined, { headers });
      expect(answer.headers['st-access-token']).toBe(cookiesOf(answer)['sAccessToken']?.value);
      expect(answer.headers['st-refresh-token']).toBe('');
    });
  });

  describe('with a session that was created without a response, once it is attached', () => {
    it('in cookies', async () => {
      const answer = await plain.client().post('/attach/cookie');
      expect(answer.setCookies).toHaveLength(2);
      expect(answer.headers).toHaveProperty('front-token');
    });

    it('in headers', async () => {
      const answer = await plain.client().post('/attach/header');
      expect(answer.setCookies).toEqual([]);
      expect(answer.headers).toHaveProperty('st-refresh-token');
    });
  });

  describe('for the host that the browser asks for', () => {
    const SECURE = { httponly: true, secure: true, samesite: 'Lax' };

    it.each([
      ['http://localhost:3000', {}, ['sAccessToken', 'sRefreshToken'], false],
      ['http://127.0.0.1:3000', {}, ['sAccessToken', 'sRefreshToken'], false],
      ['https://example.com', {}, ['__Host-sAccessToken', '__Host-sRefreshToken'], true],
      [
        'https://example.com',
        { 'x-forwarded-proto': 'https' },
        ['__Host-sAccessToken', '__Host-sRefreshToken'],
        true,
      ],
      // A proxy that takes TLS off says http, and must not take Secure off with it.
      [
        'https://example.com',
        { 'x-forwarded-proto': 'http' },
        ['__Host-sAccessToken', '__Host-sRefreshToken'],
        true,
      ],
      [
        'https://localhost',
        { 'x-forwarded-proto': 'https' },
        ['__Host-sAccessToken', '__Host-sRefreshToken'],
        true,
      ],
      [
        'https://localhost',
        { 'x-forwarded-host': 'example.com' },
        ['__Host-sAccessToken', '__Host-sRefreshToken'],
        true,
      ],
      [
        'https://localhost',
        { forwarded: 'host=example.com' },
        ['__Host-sAccessToken', '__Host-sRefreshToken'],
        true,
      ],
      [
        'https://localhost',
        { origin: 'https://localhost' },
        ['__Host-sAccessToken', '__Host-sRefreshToken'],
        true,
      ],
    ])('%s with %j', async (publicUrl, headers, names, isSecure) => {
      const client = plain.client(publicUrl);
      const answer = await client.post('/login', undefined, { headers });
      expect(Object.keys(cookiesOf(answer))).toEqual(names);
      for (const { attributes } of Object.values(cookiesOf(answer))) {
        expect(attributes['secure'] === true).toBe(isSecure);
        expect(attributes).toMatchObject({ path: '/', httponly: true });
        expect(attributes).not.toHaveProperty('domain');
      }
      expect(await client.cookie(names[0] ?? '')).toMatch(/^eyJ/);
    });

    it('with __Secure- and a domain, where subdomains share the session', async () => {
      const { client } = await boot({ cookie: { domain: '.Example.com' } });
      const browser = client('https://app.example.com');
      const cookies = cookiesOf(await browser.post('/login'));
      expect(Object.keys(cookies)).toEqual(['__Secure-sAccessToken', '__Secure-sRefreshToken']);
      expect(cookies['__Secure-sAccessToken']?.attributes).toMatchObject({
        ...SECURE,
        domain: 'example.com',
        path: '/',
      });
      expect(await browser.cookie('__Secure-sAccessToken')).toBeDefined();
      expect(await browser.jar.getCookieString('https://admin.example.com/')).toContain(
        '__Secure-sAccessToken',
      );
    });

    it('with a path of its own for the refresh token', async () => {
      const { client } = await boot({ cookie: { refreshPath: '/auth' } });
      const browser = client('https://example.com');
      const cookies = cookiesOf(await browser.post('/login'));
      expect(cookies['__Host-sAccessToken']?.attributes).toMatchObject({ ...SECURE, path: '/' });
      expect(cookies['__Secure-sRefreshToken']?.attributes).toMatchObject({
        ...SECURE,
        path: '/auth',
      });
      expect(await browser.jar.getCookieString('https://example.com/me')).not.toContain(
        'sRefreshToken',
      );
      expect(
        await browser.jar.getCookieString('https://example.com/auth/session/refresh'),
      ).toContain('sRefreshToken');
    });

    it('Secure for a page on another site, even in development', async () => {
      const { client } = await boot({ cookie: { sameSite: 'none' } });
      const cookies = cookiesOf(await client('http://localhost:3000').post('/login'));
      expect(cookies['__Host-sAccessToken']?.attributes).toMatchObject({
        secure: true,
        samesite: 'None',
      });
    });

    it('partitioned, for a page in the frame of another site', async () => {
      const { client } = await boot({ cookie: { partitioned: true, sameSite: 'none' } });
      const cookies = cookiesOf(await client('https://example.com').post('/login'));
      expect(cookies['__Host-sRefreshToken']?.attributes).toMatchObject({
        partitioned: true,
        secure: true,
      });
    });

    it('on one machine in https and then in http: the new login takes the place of the old one', async () => {
      const https = await plain.client('https://localhost').post('/login', undefined, {
        headers: { 'x-forwarded-proto': 'https' },
      });
      const cookie = https.setCookies.map((line) => line.split(';')[0]).join('; ');
      const answer = await plain
        .client('http://localhost:3000')
        .post('/login', undefined, { headers: { cookie } });
      const values = answer.setCookies
        .map(readSetCookie)
        .map(({ name, value }) => [name, value === '']);
      expect(Object.fromEntries(values)).toEqual({
        '__Host-sAccessToken': false,
        '__Host-sRefreshToken': false,
      });
    });
  });
});
