import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AntiCsrfMode } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { expectEachRefused, expectRefused, TRY_REFRESH, UNAUTHORISED } from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  Scene,
  type Headers,
  type Holder,
} from '../support/scene.js';

const SAFE = ['GET', 'HEAD'];
const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE'];
const TRUSTED = 'https://www.example.com';
const EVIL = 'https://evil.example';

/** What a page says of itself, and whether a request of its with cookies is served in each mode. */
const PAGES: readonly [said: string, headers: Headers, served: readonly AntiCsrfMode[]][] = [
  ['nothing', {}, ['VIA_FETCH_METADATA', 'NONE']],
  ['same-origin', { 'sec-fetch-site': 'same-origin' }, ['VIA_FETCH_METADATA', 'NONE']],
  ['same-site', { 'sec-fetch-site': 'same-site' }, ['VIA_FETCH_METADATA', 'NONE']],
  ['none', { 'sec-fetch-site': 'none' }, ['VIA_FETCH_METADATA', 'NONE']],
  ['cross-site', { 'sec-fetch-site': 'cross-site' }, ['NONE']],
  [
    'cross-site from a trusted origin',
    { 'sec-fetch-site': 'cross-site', origin: TRUSTED },
    ['VIA_FETCH_METADATA', 'NONE'],
  ],
  ['cross-site from another', { 'sec-fetch-site': 'cross-site', origin: EVIL }, ['NONE']],
  ['our own Origin', { origin: 'https://api.example.com' }, ['VIA_FETCH_METADATA', 'NONE']],
  ['a trusted Origin', { origin: TRUSTED }, ['VIA_FETCH_METADATA', 'NONE']],
  ['another Origin', { origin: EVIL }, ['NONE']],
  ['a sibling’s Origin', { origin: 'https://other.example.com' }, ['NONE']],
  ['our name as the end of another', { origin: 'https://evil-api.example.com' }, ['NONE']],
  ['our name before another', { origin: 'https://api.example.com.evil.example' }, ['NONE']],
  ['our name on another port', { origin: 'https://api.example.com:8443' }, ['NONE']],
  ['the Origin "null"', { origin: 'null' }, ['NONE']],
  ['an Origin that is none', { origin: 'x' }, ['NONE']],
  ['rid', { rid: 'anything' }, ['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'NONE']],
  ['rid, cross-site', { rid: 'anything', 'sec-fetch-site': 'cross-site' }, ['NONE']],
  [
    'rid, cross-site from a trusted origin',
    { rid: 'anything', 'sec-fetch-site': 'cross-site', origin: TRUSTED },
    ['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'NONE'],
  ],
];

describe.each(platforms)('on %s', (platform) => {
  describe.each(['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'NONE'] as const)(
    'anti-CSRF %s',
    (antiCsrf) => {
      let scene: Scene;
      let holder: Holder;
      beforeAll(async () => {
        const sessions = { antiCsrf, trustedOrigins: [TRUSTED] };
        scene = await Scene.open({ platform, sessions });
        holder = await scene.login('u1');
      });
      afterAll(() => scene.close());

      it('makes no anti-CSRF token', () => {
        expect(holder.antiCsrf).toBeUndefined();
      });

      it.each(PAGES.filter(([, , modes]) => modes.includes(antiCsrf)))(
        'serves a page that says %s, by every method, and refreshes and signs out',
        async (_, page) => {
          const own = await scene.login('u2', { rid: 'x' });
          const headers = { ...bothCookies(own), ...page };
          for (const method of [...SAFE, ...UNSAFE]) {
            expect((await scene.send(method, '/forced', headers)).status).toBe(200);
          }
          expect((await scene.refresh(headers)).status).toBe(200);
          expect((await scene.post('/auth/signout', headers)).json).toEqual({ status: 'OK' });
          expect(await scene.sessionRow(own.handle)).toBeNull();
        },
      );

      it('never asks where antiCsrfCheck is false, nor for GET and HEAD (differs from SuperTokens: HEAD)', async () => {
        for (const [, page] of PAGES) {
          const headers = { ...accessCookie(holder.access), ...page };
          expect((await scene.post('/unchecked', headers)).status).toBe(200);
          for (const method of SAFE) {
            expect((await scene.send(method, '/act', headers)).status).toBe(200);
          }
        }
      });

      it('never asks of a token in a header', async () => {
        for (const [, page] of PAGES) {
          const own = await scene.login('u3', { 'st-auth-mode': 'header', rid: 'x' });
          const access = { ...bearer(own.access), ...page };
          expect((await scene.post('/forced', access)).status).toBe(200);
          expect((await scene.refresh({ ...bearer(own.refresh), ...page })).status).toBe(200);
          await scene.post('/auth/signout', access);
          expect(await scene.sessionRow(own.handle)).toBeNull();
        }
      });
    },
  );

  describe.each(['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER'] as const)(
    'anti-CSRF %s refuses what may change something, or where antiCsrfCheck asks,',
    (antiCsrf) => {
      let scene: Scene;
      let holder: Holder;
      beforeAll(async () => {
        scene = await Scene.open({ platform, sessions: { antiCsrf, trustedOrigins: [TRUSTED] } });
        holder = await scene.login('u1');
      });
      afterAll(() => scene.close());

      it.each(PAGES.filter(([, , modes]) => !modes.includes(antiCsrf)))(
        'to a page that says %s',
        async (_, page) => {
          const headers = { ...bothCookies(holder), ...page };
          const verified = ['/act', '/optional', '/strict'].flatMap((path) =>
            UNSAFE.map((method) => () => scene.send(method, path, headers)),
          );
          const forced = () => scene.get('/forced', headers);
          await expectEachRefused(scene, [...verified, forced], TRY_REFRESH);
          const signOut = () => scene.post('/auth/signout', headers);
          const refresh = () => scene.refresh(headers);
          await expectEachRefused(scene, [refresh, signOut], UNAUTHORISED);
        },
      );
    },
  );

  describe.each(['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN'] as const)(
    'a login with anti-CSRF %s',
    (antiCsrf) => {
      let scene: Scene;
      beforeAll(async () => {
        scene = await Scene.open({ platform, sessions: { antiCsrf, trustedOrigins: [TRUSTED] } });
      });
      afterAll(() => scene.close());

      it.each([{ 'sec-fetch-site': 'cross-site' }, { origin: EVIL }, { origin: 'null' }])(
        'is refused to another site’s page that says %o (login CSRF)',
        async (page) => {
          const login = () => scene.post('/login', { ...page }, { userId: 'attacker' });
          await expectRefused(scene, login, {
            status: 403,
            body: {
              statusCode: 403,
              code: 'CROSS_SITE_REQUEST',
              message: 'cross-site request refused',
            },
          });
        },
      );

      it.each([{}, { 'sec-fetch-site': 'same-site' }, { origin: TRUSTED }])(
        'is open to one that says %o',
        async (page) => {
          const answer = await scene.post('/login', { ...page }, { userId: 'u1' });
          expect(answer.status).toBe(201);
        },
      );
    },
  );
});
