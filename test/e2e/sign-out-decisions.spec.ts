import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import {
  expectAnswer,
  expectNothingChanged,
  expectRefused,
  expectTokensCleared,
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
  type Headers,
  type Holder,
} from '../support/scene.js';

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };

describe.each(platforms)('signing out on %s', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({ platform });
  });
  afterAll(() => scene.close());

  const signOut = (headers?: Headers): Promise<Answer> => scene.post('/auth/signout', headers);

  async function expectSignedOut(answer: Answer, holder: Holder): Promise<void> {
    expect([answer.status, answer.json]).toEqual([200, { status: 'OK' }]);
    expectTokensCleared(answer);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(await scene.sessionRow(holder.handle)).toBeNull();
    await scene.expectBystanderToStay();
  }

  it('ends the session at once, here with its access token, everywhere with its refresh token', async () => {
    const holder = await scene.login('u1');
    await expectSignedOut(await signOut(bothCookies(holder)), holder);
    await expectRefused(scene, () => scene.get('/me', accessCookie(holder.access)), TRY_REFRESH);
    expect((await scene.refresh(refreshCookie(holder.refresh))).json).toEqual(UNAUTHORISED.body);
    expect((await scene.rows()).revocations).toHaveLength(1);
  });

  it.each([
    ['the access token', (holder: Holder) => accessCookie(holder.access)],
    ['the refresh token', (holder: Holder) => refreshCookie(holder.refresh)],
    [
      'the refresh token beside a broken access token',
      ({ refresh }: Holder) => bothCookies({ access: 'x', refresh }),
    ],
    ['a bearer', (holder: Holder) => bearer(holder.access)],
    ['the refresh token as a bearer', (holder: Holder) => bearer(holder.refresh)],
    [
      'a cookie beside a foreign bearer',
      (holder: Holder) => ({ ...accessCookie(holder.access), ...bearer('undefined') }),
    ],
  ])('needs no more than %s', async (_, headersOf) => {
    const holder = await scene.login('u2');
    await expectSignedOut(await signOut(headersOf(holder)), holder);
  });

  it('takes an expired access token (differs from SuperTokens: "try refresh token")', async () => {
    const holder = await scene.login('u3');
    await scene.advance(3_600_000);
    await expectSignedOut(await signOut(accessCookie(holder.access)), holder);
  });

  it('takes a spent refresh token, which is no theft here', async () => {
    const first = await scene.login('u4');
    const second = holderOf(await scene.refresh(refreshCookie(first.refresh)));
    await expectSignedOut(await signOut(refreshCookie(first.refresh)), second);
  });

  it('of a session that is over already is 200 and clears too', async () => {
    const holder = await scene.login('u5');
    await scene.booted.app.get(SessionService).revokeSession(holder.handle);
    const rows = await scene.rows();
    await expectSignedOut(await signOut(bothCookies(holder)), holder);
    expect(await scene.rows()).toEqual(rows);
  });

  it.each([
    ['nothing', {}],
    ['an address typed in', { 'sec-fetch-site': 'none' }],
    ['a sibling host', { 'sec-fetch-site': 'same-site' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another Origin', { origin: 'https://evil.example' }],
  ])(
    'without a token is 200, and clears nothing where %s is all that is known of the page (differs from SuperTokens: 401)',
    async (_, headers: object) => {
      await expectNothingChanged(scene, async () => {
        const answer = await signOut({ ...headers });
        expect([answer.status, answer.json]).toEqual([200, { status: 'OK' }]);
        expectTokensUntouched(answer);
      });
    },
  );

  it.each([SAME_ORIGIN, { rid: 'session' }, { origin: 'https://api.example.com' }])(
    'without a token clears what may be left, once %o proves a page of our own',
    async (proof) => {
      await expectNothingChanged(scene, async () => {
        const answer = await signOut({ ...proof });
        expect([answer.status, answer.json]).toEqual([200, { status: 'OK' }]);
        expectTokensCleared(answer);
      });
    },
  );

  it.each([
    ['a forged access token', ({ access }: Holder) => accessCookie(`${access.slice(0, -6)}AAAAAA`)],
    [
      'a forged refresh token',
      ({ refresh }: Holder) => refreshCookie(`${refresh.slice(0, -6)}AAAAAA`),
    ],
    ['a forged bearer', ({ access }: Holder) => bearer(`${access.slice(0, -6)}AAAAAA`)],
  ])('ends nobody’s session for %s', async (_, headersOf) => {
    const holder = await scene.login('u6');
    await expectNothingChanged(scene, async () => {
      const answer = await signOut(headersOf(holder));
      expect([answer.status, answer.json]).toEqual([200, { status: 'OK' }]);
      expectTokensUntouched(answer);
    });
  });

  it('ends the session of the header and the one of the cookie', async () => {
    const byHeader = await scene.login('u7', { 'st-auth-mode': 'header' });
    const byCookie = await scene.login('u8');
    const headers = { ...bearer(byHeader.access), ...bothCookies(byCookie) };
    expect((await signOut(headers)).status).toBe(200);
    expect(await scene.sessionRow(byHeader.handle)).toBeNull();
    expect(await scene.sessionRow(byCookie.handle)).toBeNull();
  });

  it('ends the session of the header alone where another site may have added the cookie', async () => {
    const byHeader = await scene.login('u7', { 'st-auth-mode': 'header' });
    const byCookie = await scene.login('u8');
    const foreign = { 'sec-fetch-site': 'cross-site' };
    const headers = { ...bearer(byHeader.access), ...bothCookies(byCookie), ...foreign };
    expect((await signOut(headers)).status).toBe(200);
    expect(await scene.sessionRow(byHeader.handle)).toBeNull();
    expect(await scene.sessionRow(byCookie.handle)).not.toBeNull();
  });

  it.each([
    ['beside garbage', (token: string) => ['y', token]],
    ['before garbage', (token: string) => [token, 'y']],
    ['twice', (token: string) => [token, token]],
  ])('ends the session of a token that comes %s', async (_, values) => {
    const holder = await scene.login('u12');
    for (const name of [ACCESS_COOKIE, REFRESH_COOKIE]) {
      const { access, refresh } = await scene.login('u12');
      const token = name === ACCESS_COOKIE ? access : refresh;
      const { handle } = holderOf(await scene.refresh(refreshCookie(refresh)));
      const cookie = values(token)
        .map((value) => `${name}=${value}`)
        .join('; ');
      expect((await signOut({ cookie })).json).toEqual({ status: 'OK' });
      expect(await scene.sessionRow(handle)).toBeNull();
    }
    expect(await scene.sessionRow(holder.handle)).not.toBeNull();
  });

  it('X10: ends every session that the cookies speak of', async () => {
    const one = await scene.login('u13');
    const other = await scene.login('u14');
    const cookie = `${bothCookies(one)['cookie']}; ${bothCookies(other)['cookie']}`;
    expect((await signOut({ cookie })).json).toEqual({ status: 'OK' });
    for (const { handle } of [one, other]) expect(await scene.sessionRow(handle)).toBeNull();
  });

  it('X10: takes the scheme of the header in any case', async () => {
    const holder = await scene.login('u15', { 'st-auth-mode': 'header' });
    await signOut({ authorization: `bEARER ${holder.access}` });
    expect(await scene.sessionRow(holder.handle)).toBeNull();
  });

  it('by another site’s page is refused and changes nothing', async () => {
    const holder = await scene.login('u9');
    for (const evil of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'null' }] as Headers[]) {
      const refused = () => signOut({ ...bothCookies(holder), ...evil });
      await expectRefused(scene, refused, UNAUTHORISED);
    }
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded'])(
    'reads nothing of a body of %s',
    async (type) => {
      const holder = await scene.login('u10');
      const other = await scene.login('u11');
      const headers = { ...bothCookies(holder), 'content-type': type };
      const answer = await scene.post('/auth/signout', headers, { sessionHandle: other.handle });
      expect(await scene.sessionRow(other.handle)).not.toBeNull();
      await expectSignedOut(answer, holder);
    },
  );
});

describe('signing out weeks later, when the key of the access token has retired', () => {
  const DAY = 24 * 3_600_000;
  let scene: Scene;
  afterEach(() => scene.close());

  const kids = () =>
    scene.booted.app
      .get(SessionService)
      .getJWKS()
      .keys.map(({ kid }) => kid);

  async function idleUntilKeyRetires(headers?: Headers): Promise<Holder> {
    scene = await Scene.open();
    const holder = await scene.login('u1', headers);
    const [retiring] = kids();
    await scene.advance(7 * DAY);
    await vi.waitFor(() => expect(kids()).toHaveLength(2));
    await scene.advance(DAY);
    expect(kids()).not.toContain(retiring);
    return holder;
  }

  it.each([
    ['a client with headers', { 'st-auth-mode': 'header' }, bearer, bearer],
    ['a browser that keeps its refresh token for one path', {}, accessCookie, refreshCookie],
  ])('has %s refresh first, and then ends the session', async (_, login, access, refresh) => {
    const holder = await idleUntilKeyRetires(login);
    const signOut = (from: Holder) => scene.post('/auth/signout', access(from.access));
    await expectRefused(scene, () => signOut(holder), TRY_REFRESH);
    const refreshed = await scene.refresh(refresh(holder.refresh));
    expect(refreshed.status).toBe(200);
    expect((await signOut(holderOf(refreshed))).json).toEqual({ status: 'OK' });
    expect(await scene.sessionRow(holder.handle)).toBeNull();
    // Of a session that is over, the refresh says so, and there is nothing to repeat.
    expectAnswer(await scene.refresh(refresh(holder.refresh)), UNAUTHORISED);
  });

  it('has a client refresh first beside a token that a sibling host has planted', async () => {
    const holder = await idleUntilKeyRetires({ 'st-auth-mode': 'header' });
    const planter = await scene.login('planter');
    const cookie = `__Secure-sRefreshToken=${planter.refresh}`;
    const answer = await scene.post('/auth/signout', { ...bearer(holder.access), cookie });
    expectAnswer(answer, TRY_REFRESH);
    expect(await scene.sessionRow(holder.handle)).not.toBeNull();
  });

  it('ends the waiting session of who acts, without a refresh', async () => {
    const { handle, access, refresh } = await idleUntilKeyRetires();
    const { cookie } = accessCookie(access);
    const waiting = { cookie: `${cookie}; ${REFRESH_COOKIE}-actor=${refresh}`, ...SAME_ORIGIN };
    const answer = await scene.post('/auth/signout', waiting);
    expect([answer.status, answer.json]).toEqual([200, { status: 'OK' }]);
    expect(answer.setCookies.filter((line) => line.includes('Max-Age=0'))).toHaveLength(3);
    expect(await scene.sessionRow(handle)).toBeNull();
  });

  it('needs no refresh where the refresh token comes along', async () => {
    const holder = await idleUntilKeyRetires();
    expect((await scene.post('/auth/signout', bothCookies(holder))).status).toBe(200);
    expect(await scene.sessionRow(holder.handle)).toBeNull();
  });

  it('clears what nobody can refresh any more', async () => {
    const { access, refresh } = await idleUntilKeyRetires();
    const lost = bothCookies({ access, refresh: `${refresh.slice(0, -6)}AAAAAA` });
    const answer = await scene.post('/auth/signout', { ...lost, ...SAME_ORIGIN });
    expect([answer.status, answer.json]).toEqual([200, { status: 'OK' }]);
    expectTokensCleared(answer);
  });
});
