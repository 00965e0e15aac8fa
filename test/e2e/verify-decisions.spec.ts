import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session, SessionService } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { expectRefused, TRY_REFRESH, UNAUTHORISED } from '../support/refusal.js';
import {
  accessCookie,
  ACCESS_COOKIE,
  bearer,
  holderOf,
  payloadOf,
  refreshCookie,
  Scene,
  setCookie,
  type Holder,
} from '../support/scene.js';

describe.each(platforms)('verifying a request on %s', (platform) => {
  let scene: Scene;
  let holder: Holder;
  beforeAll(async () => {
    scene = await Scene.open({ platform });
    holder = await scene.login('u1');
  });
  afterAll(() => scene.close());

  async function expectGuest(headers: Readonly<Record<string, string>>): Promise<void> {
    const answer = await scene.get('/optional', headers);
    expect([answer.status, answer.json]).toEqual([200, { userId: null }]);
  }

  it.each(['OPTIONS', 'TRACE'])(
    'row 1: %s asks for a session as GET does (differs from SuperTokens: passes)',
    async (method) => {
      expect((await scene.send(method, '/act')).status).toBe(401);
      const answer = await scene.send(method, '/act', accessCookie(holder.access));
      expect(answer.json).toEqual({ userId: 'u1' });
    },
  );

  it('row 3: a legacy cookie is ignored (differs from SuperTokens: "try refresh token")', async () => {
    const { cookie } = accessCookie(holder.access);
    const answer = await scene.get('/me', { cookie: `sIdRefreshToken=x; ${cookie}` });
    expect(answer.json).toEqual({ userId: 'u1' });
  });

  it.each(['/me', '/optional'])(
    'row 4: of access cookies of two sessions none is guessed at, and what is nobody’s does not count, at %s',
    async (path) => {
      const other = await scene.login('attacker');
      for (const [first, second] of [
        [holder.access, other.access],
        [other.access, holder.access],
      ]) {
        const cookie = `${ACCESS_COOKIE}=${first}; ${ACCESS_COOKIE}=${second}`;
        await expectRefused(scene, () => scene.get(path, { cookie }), TRY_REFRESH);
      }
      const over = await scene.login('u1');
      await scene.booted.app.get(SessionService).revokeSession(over.handle);
      const forged = `${other.access.slice(0, -4)}AAAA`;
      for (const stray of ['', 'x', holder.access, forged, over.access]) {
        for (const [first, second] of [
          [stray, holder.access],
          [holder.access, stray],
        ]) {
          const cookie = `${ACCESS_COOKIE}=${first}; ${ACCESS_COOKIE}=${second}`;
          expect((await scene.get(path, { cookie })).json).toEqual({ userId: 'u1' });
        }
      }
    },
  );

  describe('rows 6 and 7: without a token of ours', () => {
    const foreign = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
    it.each([
      ['nothing', {}],
      ['a foreign JWT in Authorization', { authorization: `Bearer ${foreign}` }],
      ['"Bearer undefined"', { authorization: 'Bearer undefined' }],
      ['an empty bearer', { authorization: 'Bearer ' }],
      ['a scheme that is not ours', { authorization: 'Basic dTpw' }],
      ['an empty cookie', { cookie: `${ACCESS_COOKIE}=` }],
      ['somebody else’s cookies', { cookie: 'theme=1; sAccessToken=x' }],
    ])(
      '%s is "unauthorised", and no session where none is required',
      async (_, headers: object) => {
        await expectRefused(scene, () => scene.get('/me', { ...headers }), UNAUTHORISED);
        await expectGuest({ ...headers });
      },
    );

    it.each(['bearer', 'BEARER', 'bEARER'])('the scheme has no case: %s', async (scheme) => {
      const headers = { authorization: `${scheme} ${holder.access}` };
      expect((await scene.get('/me', headers)).json).toEqual({ userId: 'u1' });
    });

    it('the refresh token alone is "unauthorised"', async () => {
      await expectRefused(
        scene,
        () => scene.get('/me', refreshCookie(holder.refresh)),
        UNAUTHORISED,
      );
      await expectRefused(scene, () => scene.get('/me', bearer(holder.refresh)), UNAUTHORISED);
    });

    it.each(['garbage', 'a.b.c', foreign])(
      'a cookie of our name with %s is "try refresh token" (differs from SuperTokens), and none where none is required',
      async (garbage) => {
        await expectRefused(scene, () => scene.get('/me', accessCookie(garbage)), TRY_REFRESH);
        await expectGuest(accessCookie(garbage));
      },
    );
  });

  describe('row 8: a token that does not serve is "try refresh token"', () => {
    it.each([
      ['another payload', (token: string) => withPart(token, 1, { sub: 'admin' })],
      ['no signature', (token: string) => `${token.slice(0, token.lastIndexOf('.'))}.AAAA`],
    ])('with %s, and is none where none is required', async (_, spoil) => {
      const token = spoil(holder.access);
      for (const path of ['/me', '/strict']) {
        await expectRefused(scene, () => scene.get(path, accessCookie(token)), TRY_REFRESH);
        await expectRefused(scene, () => scene.get(path, bearer(token)), TRY_REFRESH);
      }
      await expectGuest(accessCookie(token));
      await expectGuest(bearer(token));
    });

    it('with the id of a key that may have been retired, also where no session is required', async () => {
      const token = withPart(holder.access, 0, { kid: 'd-AAAAAAAAAAAAAAAA' });
      for (const path of ['/me', '/optional', '/strict']) {
        await expectRefused(scene, () => scene.get(path, accessCookie(token)), TRY_REFRESH);
        await expectRefused(scene, () => scene.get(path, bearer(token)), TRY_REFRESH);
      }
    });

    it('from the second in which it expires', async () => {
      const { access } = await scene.login('u8');
      await scene.advance(3_599_000);
      expect((await scene.get('/me', accessCookie(access))).status).toBe(200);
      await scene.advance(1_000);
      for (const path of ['/me', '/optional', '/strict']) {
        await expectRefused(scene, () => scene.get(path, accessCookie(access)), TRY_REFRESH);
      }
      holder = await scene.login('u1');
    });
  });

  it('row 10: a token by the static key is "try refresh token"', async () => {
    const { kid } = partOf(holder.access, 0);
    const token = withPart(holder.access, 0, { kid: String(kid).replace('d-', 's-') });
    await expectRefused(scene, () => scene.get('/me', accessCookie(token)), TRY_REFRESH);
  });

  it('rows 15 to 18: the first use after a refresh changes no token (differs from SuperTokens: promotion)', async () => {
    const before = await scene.login('u16');
    const after = holderOf(await scene.refresh(refreshCookie(before.refresh)));
    const generation = (await scene.sessionRow(after.handle))?.generation;
    for (const token of [after.access, before.access]) {
      const answer = await scene.get('/me', accessCookie(token));
      expect(answer.json).toEqual({ userId: 'u16' });
      expect([answer.setCookies, answer.headers['front-token']]).toEqual([[], undefined]);
    }
    await scene.settle();
    const row = await scene.sessionRow(after.handle);
    expect([generation, row?.generation]).toEqual([1, 1]);
    expect(row?.confirmedAt).toBe(scene.booted.clock.now());
  });

  describe('with checkDatabase', () => {
    it('row 13: without its row the session is over, and the tokens go', async () => {
      const gone = await scene.login('u13');
      await scene.booted.dataSource.getRepository(Session).delete({ handle: gone.handle });
      const rows = await scene.rows();
      const answer = await scene.get('/strict', accessCookie(gone.access));
      expect([answer.status, answer.json]).toEqual([
        401,
        { statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' },
      ]);
      expect(setCookie(answer, ACCESS_COOKIE)).toBe('');
      expect(answer.headers['front-token']).toBe('remove');
      expect(await scene.rows()).toEqual(rows);
      await scene.expectBystanderToStay();
    });

    it('row 12: elsewhere its access token serves until it expires', async () => {
      const gone = await scene.login('u12');
      await scene.booted.dataSource.getRepository(Session).delete({ handle: gone.handle });
      const answer = await scene.get('/me', accessCookie(gone.access));
      expect([answer.status, answer.setCookies]).toEqual([200, []]);
    });

    it('a row that has expired is no session (differs from SuperTokens: expiry is not looked at)', async () => {
      const { access, handle } = await scene.login('u13b');
      const expiresAt = scene.booted.clock.now();
      await scene.booted.dataSource.getRepository(Session).update({ handle }, { expiresAt });
      expect((await scene.get('/strict', accessCookie(access))).json).toEqual(UNAUTHORISED.body);
    });

    it('row 14: what has changed in the database comes in a new access token', async () => {
      const old = await scene.login('u14');
      await scene.booted.dataSource
        .getRepository(Session)
        .update({ handle: old.handle }, { accessTokenPayload: '{"plan":"gold"}' });
      const rows = await scene.rows();
      const answer = await scene.get('/strict', accessCookie(old.access));
      expect(answer.json).toEqual({ userId: 'u14', plan: 'gold' });
      expect(setCookie(answer, '__Host-sRefreshToken')).toBeUndefined();
      const { access } = holderOf(answer, old);
      expect((await scene.get('/strict', accessCookie(access))).setCookies).toEqual([]);
      expect(await scene.rows()).toEqual(rows);
    });

    it('such a token ends when the presented one does, so that no chain of them outlives it (differs from SuperTokens: a full lifetime)', async () => {
      const old = await scene.login('u14b');
      const { app } = scene.booted;
      const sessions = app.get(SessionService);
      await scene.advance(3_000_000);
      await sessions.mergeIntoAccessTokenPayload(old.handle, { plan: 'gold' });
      const next = holderOf(await scene.get('/strict', accessCookie(old.access)), old);
      expect(payloadOf(next.access)['exp']).toBe(payloadOf(old.access)['exp']);
      await sessions.mergeIntoAccessTokenPayload(old.handle, { plan: 'none' });
      await scene.advance(600_000);
      for (const { access } of [old, next]) {
        await expectRefused(scene, () => scene.get('/strict', accessCookie(access)), TRY_REFRESH);
      }
      holder = await scene.login('u1');
    });

    it('an unchanged payload brings no token', async () => {
      const answer = await scene.get('/strict', accessCookie(holder.access));
      expect([answer.status, answer.setCookies]).toEqual([200, []]);
    });
  });

  it('a token of a session that another user’s row stands for is no session with checkDatabase', async () => {
    const { handle, access } = await scene.login('u17');
    await scene.booted.dataSource.getRepository(Session).update({ handle }, { userId: 'somebody' });
    expect((await scene.get('/strict', accessCookie(access))).json).toEqual(UNAUTHORISED.body);
  });

  it('a token from the future is "try refresh token"', async () => {
    scene.booted.clock.advanceMs(61_000);
    const future = await scene.login('u18');
    scene.booted.clock.advanceMs(-61_000);
    await expectRefused(scene, () => scene.get('/me', accessCookie(future.access)), TRY_REFRESH);
  });
});

function partOf(token: string, index: number): Record<string, unknown> {
  const part = Buffer.from(token.split('.')[index] ?? '', 'base64url').toString();
  return JSON.parse(part) as Record<string, unknown>;
}

/** A token with another header (0) or payload (1), under the old signature. */
function withPart(token: string, index: number, changes: object): string {
  const changed = JSON.stringify({ ...partOf(token, index), ...changes });
  return token
    .split('.')
    .map((part, at) => (at === index ? Buffer.from(changed).toString('base64url') : part))
    .join('.');
}
