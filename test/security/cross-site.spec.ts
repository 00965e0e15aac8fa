import { Controller, Post, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService, type AntiCsrfMode } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import {
  expectNothingChanged,
  expectRefused,
  expectTokensUntouched,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  bothCookies,
  holderOf,
  HOST,
  refreshCookie,
  Scene,
  type Headers,
  type Holder,
} from '../support/scene.js';

const EVIL = 'https://evil.example';
const OWN = `https://${HOST}`;

const OWN_PAGES: readonly (readonly [string, Headers])[] = [
  ['our own page', { 'sec-fetch-site': 'same-origin', origin: OWN }],
  ['no page', {}],
  ['the address bar', { 'sec-fetch-site': 'none' }],
  ['an older browser on our page', { origin: OWN }],
];

const OTHER_PAGES: readonly (readonly [string, Headers])[] = [
  ['another site', { 'sec-fetch-site': 'cross-site', origin: EVIL }],
  ['another site without its origin', { 'sec-fetch-site': 'cross-site' }],
  ['an older browser on another site', { origin: EVIL }],
  ['a sandboxed frame in an older browser', { origin: 'null' }],
];

@Controller()
class ByHandController {
  constructor(private readonly sessions: SessionService) {}

  @Post('by-hand')
  async login(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'attacker');
  }
}

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'];

describe.each(platforms)('a request that another page sends on %s', (platform) => {
  const scenes = new Map<AntiCsrfMode, Scene>();
  beforeAll(async () => {
    const modes = ['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN', 'NONE'] as const;
    for (const antiCsrf of modes) {
      const controllers = [ByHandController];
      scenes.set(antiCsrf, await Scene.open({ platform, controllers, sessions: { antiCsrf } }));
    }
  });
  afterAll(() => Promise.all([...scenes.values()].map((scene) => scene.close())));

  function sceneOf(mode: AntiCsrfMode): Scene {
    const scene = scenes.get(mode);
    if (scene === undefined) throw new Error('no such scene');
    return scene;
  }

  it.each(OWN_PAGES)('CS1: is served where it comes from %s', async (_, page) => {
    const scene = sceneOf('VIA_FETCH_METADATA');
    const headers = { ...bothCookies(await scene.login('u1')), ...page };
    for (const method of METHODS) {
      expect((await scene.send(method, '/act', headers)).json).toEqual({ userId: 'u1' });
    }
  });

  it.each(OTHER_PAGES)('CS1: is refused without effect where it comes from %s', async (_, page) => {
    const scene = sceneOf('VIA_FETCH_METADATA');
    const headers = { ...bothCookies(await scene.login('u1')), ...page };
    for (const method of METHODS) {
      await expectRefused(scene, () => scene.send(method, '/act', headers), TRY_REFRESH);
    }
    await expectRefused(scene, () => scene.refresh(headers), UNAUTHORISED);
    await expectRefused(scene, () => scene.post('/auth/signout', headers), UNAUTHORISED);
  });

  it('CS9: is another origin in plain http, wherever the cookies are Secure', async () => {
    const scene = sceneOf('VIA_FETCH_METADATA');
    const headers = { ...bothCookies(await scene.login('u1')), origin: `http://${HOST}` };
    for (const method of METHODS) {
      await expectRefused(scene, () => scene.send(method, '/act', headers), TRY_REFRESH);
    }
    await expectRefused(scene, () => scene.refresh(headers), UNAUTHORISED);
    await expectRefused(scene, () => scene.post('/auth/signout', headers), UNAUTHORISED);
    expect((await scene.post('/login', headers, { userId: 'u1' })).status).toBe(403);
    // A browser that says more is believed: the page is our own, behind a proxy that ends TLS.
    const said = { ...headers, 'sec-fetch-site': 'same-origin' };
    expect((await scene.post('/act', said)).json).toEqual({ userId: 'u1' });
  });

  it('CS1: is refused from a sibling of our site where siblings are not trusted', async () => {
    const sessions = { trustSameSite: false, trustedOrigins: ['https://app.example.com'] };
    const scene = await Scene.open({ platform, controllers: [ByHandController], sessions });
    try {
      const sibling = { 'sec-fetch-site': 'same-site', origin: 'https://blog.example.com' };
      const trusted = { 'sec-fetch-site': 'same-site', origin: 'https://app.example.com' };
      const holder = await scene.login('u1', trusted);
      const headers = { ...bothCookies(holder), ...sibling };
      await expectRefused(scene, () => scene.post('/act', headers), TRY_REFRESH);
      await expectRefused(scene, () => scene.refresh(headers), UNAUTHORISED);
      await expectRefused(scene, () => scene.post('/auth/signout', headers), UNAUTHORISED);
      for (const path of ['/login', '/by-hand']) {
        expect((await scene.post(path, sibling, { userId: 'u1' })).status).toBe(403);
      }
      const own = { ...bothCookies(holder), ...trusted };
      expect((await scene.post('/act', own)).json).toEqual({ userId: 'u1' });
      const plain = { ...bothCookies(holder), 'sec-fetch-site': 'same-origin', origin: OWN };
      expect((await scene.post('/act', plain)).json).toEqual({ userId: 'u1' });
    } finally {
      await scene.close();
    }
  });

  it('CS1: needs more than the custom header where the trusted pages are named', async () => {
    const sessions = {
      antiCsrf: 'VIA_CUSTOM_HEADER',
      trustedOrigins: ['https://www.example.org'],
    } as const;
    const scene = await Scene.open({ platform, sessions });
    try {
      const headers = { ...bothCookies(await scene.login('u1')), rid: 'session' };
      for (const [, page] of OTHER_PAGES) {
        await expectRefused(scene, () => scene.post('/act', { ...headers, ...page }), TRY_REFRESH);
        const login = { ...page, rid: 'session' };
        expect((await scene.post('/login', login, { userId: 'u2' })).status).toBe(403);
      }
      const trusted = { 'sec-fetch-site': 'cross-site', origin: 'https://www.example.org' };
      for (const page of [trusted, ...OWN_PAGES.map(([, each]) => each)]) {
        const answer = await scene.post('/act', { ...headers, ...page });
        expect(answer.json).toEqual({ userId: 'u1' });
      }
    } finally {
      await scene.close();
    }
  });

  it('CS1: needs the custom header where that is the check', async () => {
    const scene = sceneOf('VIA_CUSTOM_HEADER');
    const holder = await scene.login('u1');
    const without = bothCookies(holder);
    await expectRefused(scene, () => scene.post('/act', without), TRY_REFRESH);
    await expectRefused(scene, () => scene.refresh(without), UNAUTHORISED);
    await expectRefused(scene, () => scene.post('/auth/signout', without), UNAUTHORISED);
    expect((await scene.post('/act', { ...without, rid: 'session' })).json).toEqual({
      userId: 'u1',
    });
  });

  it('CS1: needs the token of this very session where that is the check', async () => {
    const scene = sceneOf('VIA_TOKEN');
    const holder = await scene.login('u1');
    const other = await scene.login('u2');
    for (const wrong of [{}, { 'anti-csrf': '' }, { 'anti-csrf': other.antiCsrf ?? '' }]) {
      const headers = { ...bothCookies(holder), ...wrong };
      await expectRefused(scene, () => scene.post('/act', headers), TRY_REFRESH);
      await expectRefused(scene, () => scene.refresh(headers), UNAUTHORISED);
      await expectRefused(scene, () => scene.post('/auth/signout', headers), UNAUTHORISED);
    }
    const right = { ...bothCookies(holder), 'anti-csrf': holder.antiCsrf ?? '' };
    expect((await scene.post('/act', right)).json).toEqual({ userId: 'u1' });
  });

  it('CS2: reaches neither the refresh nor the sign-out by anything but POST', async () => {
    for (const scene of scenes.values()) {
      const holder = await scene.login('u1');
      const override = { 'x-http-method-override': 'POST', 'x-http-method': 'POST', rid: 'x' };
      for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        await expectNothingChanged(scene, async () => {
          for (const path of [
            '/auth/session/refresh',
            '/auth/signout',
            '/auth/signout?_method=POST',
          ]) {
            const answer = await scene.send(method, path, { ...bothCookies(holder), ...override });
            expect([404, 405]).toContain(answer.status);
            expectTokensUntouched(answer);
          }
        });
      }
    }
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'CS3: is refused as the form %s that another site can send, with the cookies of SameSite=None',
    async (type) => {
      const scene = sceneOf('VIA_CUSTOM_HEADER');
      const holder = await scene.login('u1');
      const headers = { ...bothCookies(holder), 'content-type': type, origin: EVIL };
      for (const path of ['/auth/session/refresh', '/auth/signout']) {
        await expectNothingChanged(scene, async () => {
          const answer = await scene.post(path, headers, { rid: 'session' });
          expect([400, 401, 415]).toContain(answer.status);
          expectTokensUntouched(answer);
        });
      }
    },
  );

  it('CS4: logs nobody in', async () => {
    for (const mode of ['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN'] as const) {
      const scene = sceneOf(mode);
      const headers = { 'sec-fetch-site': 'cross-site', origin: EVIL };
      await expectNothingChanged(scene, async () => {
        for (const path of ['/login', '/by-hand']) {
          const answer = await scene.post(path, headers, { userId: 'attacker' });
          expect(answer.status).toBe(403);
          expectTokensUntouched(answer);
        }
      });
    }
  });

  it('CS5: needs the value of the refresh token or of its parent, not of an older one or an older session', async () => {
    const scene = sceneOf('VIA_TOKEN');
    const old = await scene.login('u5');
    const first = await scene.login('u5');
    const refresh = async (holder: Holder, antiCsrf = '') => {
      const answer = await scene.refresh({
        ...refreshCookie(holder.refresh),
        'anti-csrf': antiCsrf,
      });
      return answer;
    };
    expect((await refresh(first, old.antiCsrf)).status).toBe(401);
    const answer = await refresh(first, first.antiCsrf);
    const second = holderOf(answer, first);
    expect(second.antiCsrf).not.toBe(first.antiCsrf);
    // The page had unloaded before it could read the new value.
    const again = await refresh(second, first.antiCsrf);
    expect(again.status).toBe(200);
    const confirmed = { ...bothCookies(second), 'anti-csrf': second.antiCsrf ?? '' };
    expect((await scene.post('/act', confirmed)).status).toBe(200);
    await scene.settle();
    await scene.advance(120_000);
    const third = holderOf(await refresh(second, second.antiCsrf), second);
    expect(new Set([first, second, third].map(({ refresh: token }) => token)).size).toBe(3);
    expect((await refresh(third, first.antiCsrf)).status).toBe(401);
    expect((await refresh(third, third.antiCsrf)).status).toBe(200);
  });

  it('CS6: is not served for a cookie that equals a header', async () => {
    const scene = sceneOf('VIA_TOKEN');
    const holder = await scene.login('u6');
    const { cookie = '' } = bothCookies(holder);
    const headers = { cookie: `${cookie}; anti-csrf=x; csrf=x; sAntiCsrf=x`, 'anti-csrf': 'x' };
    await expectRefused(scene, () => scene.post('/act', headers), TRY_REFRESH);
  });

  it('CS8: cannot have the cookies taken away, by a form that carries none of them', async () => {
    for (const scene of scenes.values()) {
      const form = { 'content-type': 'text/plain', 'sec-fetch-site': 'cross-site', origin: EVIL };
      for (const path of ['/auth/session/refresh', '/auth/signout']) {
        expectTokensUntouched(await scene.post(path, form));
        expectTokensUntouched(await scene.post(path, { origin: 'null' }));
        expectTokensUntouched(await scene.post(path, { cookie: '__Host-sAccessToken=x', ...form }));
      }
    }
  });
});
