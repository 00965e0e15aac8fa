import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { CookieJar } from 'tough-cookie';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionCookieOptions,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { bootApp, platforms } from '../support/boot-app.js';
import { send } from '../support/http-client.js';
import { expectRefused, TRY_REFRESH, UNAUTHORISED } from '../support/refusal.js';
import {
  accessCookie,
  ACCESS_COOKIE,
  bothCookies,
  frontTokenOf,
  holderOf,
  HOST,
  refreshCookie,
  REFRESH_COOKIE,
  Scene,
  SceneController,
  type Headers,
} from '../support/scene.js';
import { readSetCookie } from '../support/set-cookie.js';

interface Reply {
  header?(name: string, value: string): unknown;
  setHeader?(name: string, value: string): unknown;
}

@Controller()
class CookieController {
  constructor(private readonly sessions: SessionService) {}

  @Post('busy')
  async busy(@Req() request: object, @Res({ passthrough: true }) response: Reply): Promise<void> {
    if (response.header === undefined) response.setHeader?.('set-cookie', 'theme=1');
    else response.header('set-cookie', 'theme=1');
    const { sessions } = this;
    const session = await sessions.createNewSession(request, response, 'public', 'u1');
    await session.mergeIntoAccessTokenPayload({ plan: 'a' });
    await session.mergeIntoAccessTokenPayload({ plan: 'b' });
  }

  @Post('large')
  async large(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    const payload = { note: 'é'.repeat(1500) };
    await this.sessions.createNewSession(request, response, 'public', 'large', payload);
  }

  @Post('grow')
  @VerifySession()
  async grow(@CurrentSession() session: SessionContainer): Promise<void> {
    await session.mergeIntoAccessTokenPayload({ note: 'é'.repeat(1500) });
  }

  @Get('profile')
  @VerifySession()
  async profile(@CurrentSession() session: SessionContainer): Promise<void> {
    await session.mergeIntoAccessTokenPayload({ email: 'a@example.com', plan: 'pro' });
  }
}

describe.each(platforms)('the cookies on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    const sessions = { frontTokenClaims: ['plan'] };
    scene = await Scene.open({ platform, controllers: [CookieController], sessions });
  });
  afterAll(() => scene.close());

  const boot = (cookie: SessionCookieOptions) =>
    bootApp({ platform, controllers: [SceneController], sessions: { cookie } });
  const open = (sessions: SessionModuleOptions) => Scene.open({ platform, sessions });

  it('C1: are Secure and HttpOnly behind a proxy that says it is plain http', async () => {
    const headers = { host: 'example.com', 'x-forwarded-proto': 'http', forwarded: 'proto=http' };
    const { setCookies } = await scene.post('/login', headers, { userId: 'u1' });
    expect(setCookies).toHaveLength(2);
    for (const line of setCookies) {
      expect(readSetCookie(line).attributes).toMatchObject({ secure: true, httponly: true });
    }
    const host = 'localhost:3000';
    const hidden = await scene.post('/login', { host }, { userId: 'u1' });
    expect(hidden.setCookies.map((line) => readSetCookie(line).name)).toEqual([
      ACCESS_COOKIE,
      REFRESH_COOKIE,
    ]);
    const own = { host, origin: 'http://localhost:3000' };
    const local = await scene.post('/login', own, { userId: 'u1' });
    expect(local.setCookies.map((line) => readSetCookie(line).attributes['secure'])).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('C2: are bound to their host, unless a domain is given, and then to https', async () => {
    const host = await scene.post('/login', {}, { userId: 'u1' });
    expect(host.setCookies.map((line) => readSetCookie(line).name)).toEqual([
      ACCESS_COOKIE,
      REFRESH_COOKIE,
    ]);
    const shared = await boot({ domain: 'example.com' });
    try {
      const headers = { host: HOST };
      const answer = await send(`${shared.url}/login`, 'POST', { headers, body: { userId: 'u1' } });
      expect(answer.setCookies.map((line) => readSetCookie(line).name)).toEqual([
        '__Secure-sAccessToken',
        '__Secure-sRefreshToken',
      ]);
    } finally {
      await shared.close();
    }
  });

  it('C3: go to every path, so that no sibling can plant a longer one, unless an option narrows the refresh cookie', async () => {
    const [access = '', refresh = ''] = (await scene.post('/login', {}, { userId: 'u1' }))
      .setCookies;
    for (const line of [access, refresh]) expect(readSetCookie(line).attributes['path']).toBe('/');
    const jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
    await jar.setCookie(refresh, `https://${HOST}/`);
    const planted = `${REFRESH_COOKIE}=planted; Domain=example.com; Path=/; Secure`;
    const tossed = jar.setCookie(planted, 'https://evil.example.com/', { ignoreError: false });
    await expect(tossed).rejects.toThrow('__Host prefix');
    expect(await jar.getCookies(`https://${HOST}/auth/session/refresh`)).toHaveLength(1);
  });

  it('C5: that would be too large for a browser are refused before anything is written', async () => {
    const before = await scene.rows();
    const answer = await scene.post('/large');
    expect([answer.status, answer.setCookies]).toEqual([400, []]);
    expect(await scene.rows()).toEqual(before);
    const holder = await scene.login('grower');
    const row = await scene.sessionRow(holder.handle);
    const grown = await scene.post('/grow', accessCookie(holder.access));
    expect([grown.status, grown.setCookies]).toEqual([400, []]);
    expect(await scene.sessionRow(holder.handle)).toEqual(row);
  });

  it.each([{}, { domain: 'example.com' }, { refreshPath: '/auth' }])(
    'C6: go from the jar at sign-out with the attributes that they came with: %o',
    async (cookie) => {
      const other = await boot(cookie);
      const post = (path: string, headers: Headers, body?: unknown) =>
        send(other.url + path, 'POST', { headers: { host: HOST, ...headers }, body });
      try {
        const jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
        const url = `https://${HOST}/auth/session/refresh`;
        const login = await post('/login', {}, { userId: 'u1' });
        for (const line of login.setCookies) await jar.setCookie(line, url);
        const cookieHeader = await jar.getCookieString(url);
        expect(await jar.getCookies(url)).toHaveLength(2);
        const out = await post('/auth/signout', { cookie: cookieHeader });
        for (const line of out.setCookies) await jar.setCookie(line, url);
        expect(await jar.getCookies(url)).toEqual([]);
      } finally {
        await other.close();
      }
    },
  );

  it('C7: are set once each in an answer, beside those of the application', async () => {
    const { setCookies } = await scene.post('/busy');
    expect(setCookies.map((line) => readSetCookie(line).name).toSorted()).toEqual([
      ACCESS_COOKIE,
      REFRESH_COOKIE,
      'theme',
    ]);
  });

  it('C8: end with the session, and the server ends it whatever the jar says', async () => {
    const short = await open({ refreshTokenLifetime: '2h', accessTokenLifetime: '1h' });
    try {
      const answer = await short.post('/login', {}, { userId: 'u1' });
      const ages = answer.setCookies.map((line) => readSetCookie(line).attributes['max-age']);
      expect(ages).toEqual(['7200', '7200']);
      const { refresh } = holderOf(answer);
      short.booted.clock.advanceMs(2 * 3_600_000);
      expect((await short.refresh(refreshCookie(refresh))).status).toBe(401);
    } finally {
      await short.close();
    }
  });

  it('C9: of two sessions are not guessed at, in either order, and what is nobody’s takes nothing from them', async () => {
    const victim = await scene.login('victim');
    const attacker = await scene.login('attacker');
    for (const [one, two] of [
      [victim, attacker],
      [attacker, victim],
    ] as const) {
      const access = `${ACCESS_COOKIE}=${one.access}; ${ACCESS_COOKIE}=${two.access}`;
      await expectRefused(scene, () => scene.get('/me', { cookie: access }), TRY_REFRESH);
      const refresh = `${REFRESH_COOKIE}=${one.refresh}; ${REFRESH_COOKIE}=${two.refresh}`;
      await expectRefused(scene, () => scene.refresh({ cookie: refresh }), UNAUTHORISED);
    }
    const strays = ['', 'x', `${attacker.access.slice(0, -4)}AAAA`];
    for (const stray of strays) {
      const cookie = `${ACCESS_COOKIE}=${stray}; ${ACCESS_COOKIE}=${victim.access}`;
      expect((await scene.get('/me', { cookie })).json).toEqual({ userId: 'victim' });
    }
  });

  it('C9: of a session that lives give way to no other one once their access token has expired', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const [victim, over] = [await scene.login('victim'), await scene.login('over')];
    await sessions.revokeSession(over.handle);
    // By then the revocation is forgotten.
    await scene.advance(71 * 60_000);
    const attacker = await scene.login('attacker');
    const both = (one: string, two: string) =>
      scene.get('/me', { cookie: `${ACCESS_COOKIE}=${one}; ${ACCESS_COOKIE}=${two}` });
    for (const [one, two] of [
      [victim, attacker],
      [attacker, victim],
    ] as const) {
      await expectRefused(scene, () => both(one.access, two.access), TRY_REFRESH);
    }
    expect((await both(over.access, attacker.access)).json).toEqual({ userId: 'attacker' });
    const again = holderOf(await scene.refresh(refreshCookie(victim.refresh)));
    expect((await both(victim.access, again.access)).json).toEqual({ userId: 'victim' });
  });

  it.each([
    ['a no-break space before the name', (token: string) => `\u00A0${ACCESS_COOKIE}=${token}`],
    ['$Version before it', (token: string) => `$Version=1;$${ACCESS_COOKIE}=${token}`],
    ['a name in another case', (token: string) => `${ACCESS_COOKIE.toLowerCase()}=${token}`],
    ['no name, and ours in the value', (token: string) => `=${ACCESS_COOKIE}=${token}`],
  ])('C10: are none with %s', async (_, cookie) => {
    const { access } = await scene.login('u1');
    const request = () => scene.get('/me', { cookie: cookie(access) });
    await expectRefused(scene, request, UNAUTHORISED);
  });

  it.each([
    ['quotes', (token: string) => `"${token}"`],
    ['percent signs for its dots', (token: string) => token.replaceAll('.', '%2E')],
    ['JSON of cookie-parser', () => 'j:{"a":1}'],
  ])('C10: are read as they are: %s', async (_, value) => {
    const { access } = await scene.login('u1');
    await expectRefused(scene, () => scene.get('/me', accessCookie(value(access))), TRY_REFRESH);
  });

  it('C11: leave to the page what it is allowed to read, and no token', async () => {
    const holder = await scene.login('u1');
    const answer = await scene.get('/profile', accessCookie(holder.access));
    expect(frontTokenOf(answer).up).toMatchObject({ plan: 'pro' });
    expect(frontTokenOf(answer).up).not.toHaveProperty('email');
    const { access } = holderOf(answer, holder);
    const signature = access.split('.')[2] ?? '';
    const { 'set-cookie': cookies, ...others } = answer.headers;
    expect(cookies?.join('')).toContain(signature);
    expect(JSON.stringify([others, answer.text])).not.toContain(signature);
    expect(JSON.stringify([others, answer.text])).not.toContain('nasr_');
    expect((await scene.get('/me', bothCookies(holder))).status).toBe(200);
  });
});

describe('the attribute SameSite', () => {
  const starts = (sameSite: 'lax' | 'strict' | 'none', extra: SessionModuleOptions): boolean => {
    try {
      resolveSessionOptions(
        { cookie: { sameSite, ...extra.cookie }, ...extra },
        { production: true },
      );
      return true;
    } catch {
      return false;
    }
  };

  it('C4: is Lax unless it is chosen, and None needs Secure and a check against CSRF', () => {
    const byDefault = resolveSessionOptions({}, { production: true });
    expect(byDefault.cookie.sameSite).toBe('lax');
    expect(starts('lax', { antiCsrf: 'NONE' })).toBe(true);
    expect(starts('strict', { antiCsrf: 'NONE' })).toBe(true);
    expect(starts('none', { antiCsrf: 'NONE' })).toBe(false);
    expect(starts('none', { antiCsrf: 'VIA_TOKEN' })).toBe(true);
    expect(starts('none', { antiCsrf: 'VIA_CUSTOM_HEADER' })).toBe(true);
    expect(starts('none', { cookie: { sameSite: 'none', secure: false } })).toBe(false);
  });
});
