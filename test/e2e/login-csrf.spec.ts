import { All, Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  Session,
  SessionService,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
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
    calls += 1;
    return 'ada';
  }

  @Get('callback-in-a-frame')
  @CreateSession({ allowCrossSite: true })
  callbackInFrame(): string {
    return 'ada';
  }

  @All('by-any-method')
  @CreateSession()
  byAnyMethod(): string {
    calls += 1;
    return 'ada';
  }

  @Get('callback-by-hand')
  async callbackByHand(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'ada');
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

/** What a browser sends: whose page causes it, and what it is for. */
function fetched(site: string, mode: string, dest: string, more: Record<string, string> = {}) {
  return { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest, ...more };
}

const EVIL = { origin: 'https://evil.example' };
const SIBLING = { origin: 'https://blog.example.com' };
const AHEAD = { 'sec-purpose': 'prefetch' };
const CROSS_SITE = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };

// Otherwise a page could log its visitor in as somebody else, and see later what was typed there.
describe.each(platforms)('a login that another site sends on %s', (platform) => {
  const apps: BootedApp[] = [];
  async function boot(
    sessions: SessionModuleOptions = {},
    prepare: NonNullable<BootOptions['prepare']> = () => undefined,
  ): Promise<BootedApp> {
    const controllers = [LoginController];
    const booted = await bootApp({ platform, sessions, prepare, controllers });
    apps.push(booted);
    return booted;
  }
  let booted: BootedApp;
  let strict: BootedApp;
  beforeAll(async () => {
    booted = await boot({ trustedOrigins: ['https://www.example.com'] });
    strict = await boot({ trustedOrigins: ['https://www.example.com'], trustSameSite: false });
  });
  afterEach(() => booted.dataSource.getRepository(Session).clear());
  afterAll(() => Promise.all(apps.map((each) => each.close())));

  function post(app: BootedApp, path: string, headers: Record<string, string>): Promise<Answer> {
    return app.client('https://api.example.com').post(path, {}, { headers });
  }

  function get(app: BootedApp, path: string, headers: Record<string, string>): Promise<Answer> {
    return app.client('https://api.example.com').get(path, { headers });
  }

  async function expectRefused(app: BootedApp, headers: Record<string, string>): Promise<void> {
    calls = 0;
    for (const path of ['/callback', '/callback-by-hand']) {
      const answer = await get(app, path, headers);
      expect([answer.status, answer.setCookies]).toEqual([403, []]);
    }
    expect(calls).toBe(0);
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
    // A form of the other site that navigates, as a link does.
    fetched('cross-site', 'navigate', 'document', EVIL),
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

  it.each([
    fetched('cross-site', 'navigate', 'document'),
    // A service worker of our own has passed it on.
    fetched('cross-site', 'navigate', 'empty'),
    fetched('same-site', 'navigate', 'document'),
    fetched('none', 'navigate', 'document'),
    fetched('same-origin', 'cors', 'empty'),
    fetched('cross-site', 'cors', 'empty', { origin: 'https://www.example.com' }),
    { origin: 'https://www.example.com' },
    { origin: 'https://api.example.com' },
    {},
  ])('is let through as a link, by which providers send their users back: %j', async (headers) => {
    for (const path of ['/callback', '/callback-by-hand']) {
      for (const app of [booted, strict]) {
        const answer = await get(app, path, headers);
        expect([answer.status, answer.setCookies.length]).toEqual([200, 2]);
      }
    }
  });

  it.each([
    fetched('cross-site', 'no-cors', 'image'),
    fetched('cross-site', 'cors', 'image', EVIL),
    fetched('cross-site', 'cors', 'empty', EVIL),
    fetched('cross-site', 'navigate', 'iframe'),
    fetched('cross-site', 'navigate', 'object'),
    fetched('cross-site', 'navigate', 'embed'),
    { 'sec-fetch-site': 'cross-site' },
    EVIL,
    { origin: 'null' },
  ])('is refused by GET where another page embeds or fetches it: %j', async (headers) => {
    await expectRefused(booted, headers);
  });

  it.each([
    fetched('same-site', 'no-cors', 'image'),
    fetched('same-site', 'cors', 'image', SIBLING),
    fetched('same-site', 'cors', 'empty', SIBLING),
    fetched('same-site', 'navigate', 'iframe'),
    fetched('same-site', 'navigate', 'empty'),
    // So a browser loads a page ahead that any page of the site names, with the cookies of its visitor.
    fetched('none', 'navigate', 'document', AHEAD),
    fetched('none', 'navigate', 'document', { 'sec-purpose': 'prefetch;prerender' }),
    fetched('same-origin', 'navigate', 'empty', AHEAD),
  ])('is refused by GET to a sibling that is not trusted: %j', async (headers) => {
    await expectRefused(strict, headers);
    expect((await get(booted, '/callback', headers)).status).toBe(200);
  });

  it('goes on by POST from a page of one’s own that the browser loads ahead', async () => {
    const ahead = { 'sec-purpose': 'prefetch;prerender', origin: 'https://api.example.com' };
    const headers = fetched('same-origin', 'cors', 'empty', ahead);
    expect((await post(strict, '/login', headers)).status).toBe(201);
  });

  it('is let through in a frame where the handler allows it', async () => {
    const answer = await get(
      booted,
      '/callback-in-a-frame',
      fetched('cross-site', 'navigate', 'iframe'),
    );
    expect([answer.status, answer.setCookies.length]).toEqual([200, 2]);
  });

  it('is no preflight: CORS answers that before a login could refuse it', async () => {
    calls = 0;
    const app = await boot({ trustSameSite: false }, (each) =>
      each.enableCors({ origin: 'https://www.example.com', credentials: true }),
    );
    for (const path of ['/by-any-method', '/login', '/callback']) {
      const headers = {
        ...fetched('cross-site', 'cors', 'empty', EVIL),
        'access-control-request-method': 'POST',
      };
      const answer = await app.client('https://api.example.com').send('OPTIONS', path, { headers });
      expect(answer.status).toBe(204);
    }
    expect(calls).toBe(0);
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
