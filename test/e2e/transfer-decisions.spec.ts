import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import {
  expectRefused,
  expectTokensUntouched,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  ACCESS_COOKIE,
  bearer,
  bothCookies,
  holderOf,
  REFRESH_COOKIE,
  refreshCookie,
  Scene,
  setCookie,
  type Headers,
  type Holder,
} from '../support/scene.js';

/** Which tokens an answer brings and which it takes away, by method. */
function effectOf(answer: Answer): { set: string[]; cleared: string[] } {
  const values = {
    cookies: [setCookie(answer, ACCESS_COOKIE), setCookie(answer, REFRESH_COOKIE)],
    headers: [answer.headers['st-access-token'], answer.headers['st-refresh-token']],
  };
  const where = (rule: (value: unknown) => boolean) =>
    Object.entries(values).flatMap(([method, both]) => (both.every(rule) ? [method] : []));
  return {
    set: where((value) => typeof value === 'string' && value !== ''),
    cleared: where((value) => value === ''),
  };
}

describe.each(platforms)('the transfer method on %s', (platform) => {
  let allowed: 'any' | 'header' | 'cookie' = 'any';
  let scene: Scene;
  beforeAll(async () => {
    // Both kinds of login are there, whatever is allowed afterwards.
    const tokenTransferMethod = (_: unknown, step: string) => (step === 'create' ? 'any' : allowed);
    scene = await Scene.open({ platform, sessions: { tokenTransferMethod } });
  });
  afterAll(() => scene.close());

  describe('of a request', () => {
    let byHeader: Holder;
    let byCookie: Holder;
    beforeAll(async () => {
      byHeader = await scene.login('header', { 'st-auth-mode': 'header' });
      byCookie = await scene.login('cookie');
    });

    it.each([
      ['any', 'header', 'cookie', 'header'],
      ['any', 'header', '-', 'header'],
      ['any', '-', 'cookie', 'cookie'],
      ['header', 'header', 'cookie', 'header'],
      ['header', 'header', '-', 'header'],
      ['header', '-', 'cookie', null],
      ['cookie', 'header', 'cookie', 'cookie'],
      ['cookie', '-', 'cookie', 'cookie'],
      ['cookie', 'header', '-', null],
    ] as const)(
      'allowed %s, sent %s and %s: verified by %s',
      async (method, header, cookie, used) => {
        const headers = {
          ...(header === '-' ? {} : bearer(byHeader.access)),
          ...(cookie === '-' ? {} : accessCookie(byCookie.access)),
          // What a client asks for at its login does not count later.
          'st-auth-mode': used === 'header' ? 'cookie' : 'header',
        };
        allowed = method;
        const optional = await scene.get('/optional', headers);
        const required = await scene.get('/me', headers);
        allowed = 'any';
        expect(optional.json).toEqual({ userId: used });
        expect(required.json).toEqual(used === null ? UNAUTHORISED.body : { userId: used });
        expectTokensUntouched(required);
      },
    );
  });

  describe('at a refresh', () => {
    async function presented(header: string, cookie: string): Promise<Headers> {
      const byHeader = await scene.login('u1', { 'st-auth-mode': 'header' });
      const byCookie = await scene.login('u2');
      return {
        ...(header === '-' ? {} : bearer(byHeader.refresh)),
        ...(cookie === '-' ? {} : bothCookies(byCookie)),
      };
    }

    it.each([
      ['any', '-', 'cookie', ['cookies'], []],
      ['cookie', '-', 'cookie', ['cookies'], []],
      ['any', 'header', '-', ['headers'], []],
      ['header', 'header', '-', ['headers'], []],
      ['any', 'header', 'cookie', ['headers'], ['cookies']],
      ['header', 'header', 'cookie', ['headers'], ['cookies']],
      ['cookie', 'header', 'cookie', ['cookies'], ['headers']],
    ] as const)(
      'allowed %s, presented %s and %s: the answer sets %s and clears %s',
      async (method, header, cookie, set, cleared) => {
        const headers = await presented(header, cookie);
        allowed = method;
        const answer = await scene.refresh(headers);
        allowed = 'any';
        expect([answer.status, answer.json]).toEqual([200, {}]);
        expect(effectOf(answer)).toEqual({ set, cleared });
        expect(answer.headers['front-token']).not.toBe('remove');
      },
    );

    it.each([
      ['any', '-', '-'],
      ['header', '-', '-'],
      ['header', '-', 'cookie'],
      ['cookie', '-', '-'],
      ['cookie', 'header', '-'],
    ] as const)(
      'allowed %s, presented %s and %s: "unauthorised", nothing cleared (differs from SuperTokens: both)',
      async (method, header, cookie) => {
        const headers = await presented(header, cookie);
        allowed = method;
        const answer = await scene.refresh(headers);
        allowed = 'any';
        expect([answer.status, answer.json]).toEqual([401, UNAUTHORISED.body]);
        expectTokensUntouched(answer);
      },
    );

    it.each(['Bearer undefined', 'Bearer ', 'Bearer eyJhbGciOiJub25lIn0.e30.'])(
      'a foreign "%s" does not hide a cookie (differs from SuperTokens: it does)',
      async (authorization) => {
        const { refresh } = await scene.login('u3');
        const answer = await scene.refresh({ ...refreshCookie(refresh), authorization });
        expect(answer.status).toBe(200);
        expect(effectOf(answer)).toEqual({ set: ['cookies'], cleared: [] });
      },
    );

    it('a forged one does not hide a cookie', async () => {
      const { refresh } = await scene.login('u4');
      const headers = { ...refreshCookie(refresh), authorization: `Bearer ${refresh}x` };
      expect((await scene.refresh(headers)).status).toBe(200);
    });
  });

  it('a header token whose session is over is nobody’s: the cookie is refreshed', async () => {
    const byHeader = await scene.login('u8', { 'st-auth-mode': 'header' });
    const byCookie = await scene.login('u9');
    await scene.booted.app.get(SessionService).revokeSession(byHeader.handle);
    const answer = await scene.refresh({ ...bearer(byHeader.refresh), ...bothCookies(byCookie) });
    expect([answer.status, holderOf(answer).userId]).toEqual([200, 'u9']);
  });

  it('a bearer that no key of ours made does not hide an access cookie, and an expired one of ours does', async () => {
    const { access } = await scene.login('u5');
    const cookie = accessCookie(access);
    for (const authorization of ['Bearer undefined', 'Bearer a.b.c', 'Basic dTpw']) {
      expect((await scene.get('/me', { ...cookie, authorization })).status).toBe(200);
    }
    const forged = `Bearer ${access.slice(0, -4)}AAAA`;
    expect((await scene.get('/me', { ...cookie, authorization: forged })).status).toBe(200);
    await scene.advance(3_600_000);
    const fresh = accessCookie((await scene.login('u5')).access);
    const expired = { ...fresh, ...bearer(access) };
    await expectRefused(scene, () => scene.get('/me', expired), TRY_REFRESH);
  });

  describe('at a login', () => {
    it.each([
      ['any', undefined, 'cookies'],
      ['any', 'cookie', 'cookies'],
      ['any', 'header', 'headers'],
      ['any', 'HEADER', 'headers'],
      ['any', 'garbage', 'cookies'],
      ['cookie', 'header', 'cookies'],
      ['header', 'cookie', 'headers'],
    ] as const)(
      'allowed %s, asked for %s: the tokens come in %s (differs from SuperTokens: header by default)',
      async (tokenTransferMethod, asked, set) => {
        const fixed = await Scene.open({ platform, sessions: { tokenTransferMethod } });
        const headers: Headers = asked === undefined ? {} : { 'st-auth-mode': asked };
        const answer = await fixed.post('/login', headers, { userId: 'u6' });
        expect(effectOf(answer)).toEqual({ set: [set], cleared: [] });
        await fixed.close();
      },
    );

    it.each([
      ['cookie', { authorization: 'Bearer anything' }, 'cookies', 'headers'],
      ['header', { cookie: `${ACCESS_COOKIE}=anything` }, 'headers', 'cookies'],
    ])(
      'by %s clears a token of the other method, which would shadow the new session',
      async (mode, stale: object, set, cleared) => {
        const headers = { 'st-auth-mode': mode, ...stale };
        const answer = await scene.post('/login', headers, { userId: 'u7' });
        expect(effectOf(answer)).toEqual({ set: [set], cleared: [cleared] });
        expect(answer.headers['front-token']).not.toBe('remove');
      },
    );
  });
});
