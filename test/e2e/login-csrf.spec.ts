import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  Session,
  SessionService,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';

let calls = 0;

@Controller()
class LoginController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  @CreateSession()
  login(): string {
    calls += 1;
    return 'mallory';
  }

  @Post('saml')
  @CreateSession({ allowCrossSite: true })
  saml(): string {
    return 'ada';
  }

  @Get('callback')
  @CreateSession()
  callback(): string {
    return 'ada';
  }

  @Post('by-hand')
  async byHand(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'ada');
  }

  @Post('saml-by-hand')
  async samlByHand(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    const options = { allowCrossSite: true };
    await this.sessions.createNewSession(request, response, 'public', 'ada', {}, {}, options);
  }
}

const CROSS_SITE = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };

// Otherwise a page could log its visitor in as somebody else, and see later what was typed there.
describe.each(platforms)('a login that another site sends on %s', (platform) => {
  const apps: BootedApp[] = [];
  async function boot(sessions: SessionModuleOptions = {}): Promise<BootedApp> {
    const booted = await bootApp({ platform, sessions, controllers: [LoginController] });
    apps.push(booted);
    return booted;
  }
  let booted: BootedApp;
  beforeAll(async () => {
    booted = await boot({ trustedOrigins: ['https://www.example.com'] });
  });
  afterEach(() => booted.dataSource.getRepository(Session).clear());
  afterAll(() => Promise.all(apps.map((each) => each.close())));

  function post(app: BootedApp, path: string, headers: Record<string, string>): Promise<Answer> {
    return app.client('https://api.example.com').post(path, {}, { headers });
  }

  it.each([
    CROSS_SITE,
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site', origin: 'null' },
    { 'sec-fetch-site': 'cross-site', origin: 'https://api.example.com' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'https://www.example.com.evil.example' },
    { 'sec-fetch-site': 'cross-site', rid: 'session' },
    { ...CROSS_SITE, 'content-type': 'text/plain' },
  ])('is refused before the handler runs: %j', async (headers) => {
    calls = 0;
    const answer = await post(booted, '/login', headers);
    expect(answer.status).toBe(403);
    expect(answer.json).toEqual({
      statusCode: 403,
      code: 'CROSS_SITE_REQUEST',
      message: 'cross-site request refused',
    });
    expect(answer.setCookies).toEqual([]);
    expect(answer.headers).not.toHaveProperty('front-token');
    expect(calls).toBe(0);
    expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
  });

  it.each([
    { 'sec-fetch-site': 'same-origin', origin: 'https://api.example.com' },
    { 'sec-fetch-site': 'same-site', origin: 'https://app.example.com' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'cross-site', origin: 'https://www.example.com' },
    { origin: 'https://www.example.com' },
    { origin: 'https://api.example.com' },
    {},
  ])(
    'is none where it comes from here, from a trusted site or from no page: %j',
    async (headers) => {
      const answer = await post(booted, '/login', headers);
      expect(answer.status).toBe(201);
      expect(answer.setCookies).toHaveLength(2);
    },
  );

  it("leaves the visitor's own session as it is", async () => {
    const client = booted.client('https://api.example.com');
    await client.post('/saml');
    const before = await client.cookie('__Host-sRefreshToken');
    expect((await client.post('/login', {}, { headers: CROSS_SITE })).status).toBe(403);
    expect(await client.cookie('__Host-sRefreshToken')).toBe(before);
    expect(await booted.dataSource.getRepository(Session).find()).toMatchObject([
      { userId: 'ada' },
    ]);
  });

  it('is let through where the handler is a callback of another site', async () => {
    expect((await post(booted, '/saml', CROSS_SITE)).status).toBe(201);
  });

  it('is let through as a link, by which providers send their users back', async () => {
    const client = booted.client('https://api.example.com');
    const answer = await client.get('/callback', { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(answer.status).toBe(200);
    expect(answer.setCookies).toHaveLength(2);
  });

  it('is refused where the handler creates the session by itself, unless it says why not', async () => {
    const answer = await post(booted, '/by-hand', CROSS_SITE);
    expect([answer.status, answer.setCookies]).toEqual([403, []]);
    expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
    expect((await post(booted, '/saml-by-hand', CROSS_SITE)).status).toBe(201);
  });

  it('passes with VIA_CUSTOM_HEADER by the header that no foreign page can send', async () => {
    const app = await boot({ antiCsrf: 'VIA_CUSTOM_HEADER', cookie: { sameSite: 'none' } });
    expect((await post(app, '/login', CROSS_SITE)).status).toBe(403);
    expect((await post(app, '/login', { ...CROSS_SITE, rid: 'anti-csrf' })).status).toBe(201);
  });

  it('is refused with VIA_TOKEN too: there is no token before the login', async () => {
    const app = await boot({ antiCsrf: 'VIA_TOKEN' });
    expect((await post(app, '/login', { ...CROSS_SITE, 'anti-csrf': 'x' })).status).toBe(403);
    expect((await post(app, '/login', {})).status).toBe(201);
  });

  it('is let through with NONE, where the application does it in its own way', async () => {
    const app = await boot({ antiCsrf: 'NONE' });
    expect((await post(app, '/login', CROSS_SITE)).status).toBe(201);
  });
});
