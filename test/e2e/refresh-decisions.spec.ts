import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session, SessionService } from '../../lib/index.js';
import { RefreshWrites } from '../../lib/session/refresh/refresh-writes.js';
import { NO_PARENT_HASH } from '../../lib/tokens/refresh-token.js';
import { platforms } from '../support/boot-app.js';
import { QueryCounter } from '../support/query-counter.js';
import {
  expectAnswer,
  expectNothingChanged,
  expectRefused,
  expectRefusedAndCleared,
  expectTokensCleared,
  THEFT,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  holderOf,
  refreshCookie,
  REFRESH_COOKIE,
  Scene,
  setCookie,
  type Holder,
} from '../support/scene.js';

const GRACE_MS = 30_000;

describe.each(platforms)('a refresh on %s', (platform) => {
  const queries = new QueryCounter();
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      database: { type: 'better-sqlite3', database: ':memory:', logging: true, logger: queries },
    });
  });
  afterAll(() => scene.close());

  async function refreshed(holder: Holder): Promise<Holder> {
    const answer = await scene.refresh(refreshCookie(holder.refresh));
    expect([answer.status, answer.json]).toEqual([200, {}]);
    return holderOf(answer, holder);
  }

  async function confirmed(holder: Holder): Promise<Holder> {
    expect((await scene.get('/me', accessCookie(holder.access))).status).toBe(200);
    await scene.settle();
    return holder;
  }

  describe('row 1: a refresh cookie that comes twice', () => {
    const twice = (values: readonly string[]) => ({
      cookie: values.map((value) => `${REFRESH_COOKIE}=${value}`).join('; '),
      rid: 'x',
    });

    it.each([false, true])(
      'is refused without effect where both sessions live, reversed: %s (differs from SuperTokens: 500)',
      async (isReversed) => {
        const values = [(await scene.login('u1')).refresh, (await scene.login('x')).refresh];
        if (isReversed) values.reverse();
        await expectRefused(scene, () => scene.refresh(twice(values)), UNAUTHORISED);
      },
    );

    it.each([
      ['empty', () => ''],
      ['garbage', () => 'x'],
      ['the same', (refresh: string) => refresh],
      ['forged', (refresh: string) => flipped(refresh, refresh.length - 5)],
      ['of an unknown key', (refresh: string) => flipped(refresh, 10)],
    ])('is one where the other is %s, in either order', async (_, other) => {
      for (const isReversed of [false, true]) {
        const { refresh } = await scene.login('u1');
        const values = [refresh, other(refresh)];
        if (isReversed) values.reverse();
        const answer = await scene.refresh(twice(values));
        expect([answer.status, holderOf(answer).userId]).toEqual([200, 'u1']);
      }
    });

    it('is one where the session of the other is over', async () => {
      const over = await scene.login('x');
      await scene.booted.app.get(SessionService).revokeSession(over.handle);
      const { refresh } = await scene.login('u1');
      for (const values of [
        [over.refresh, refresh],
        [refresh, over.refresh],
      ]) {
        const answer = await scene.refresh(twice(values));
        expect([answer.status, holderOf(answer).userId]).toEqual([200, 'u1']);
      }
    });

    it('is no theft where the other is a spent one of the same session', async () => {
      const first = await scene.login('u1');
      const second = await confirmed(await refreshed(first));
      scene.booted.clock.advanceMs(91_000);
      const third = await confirmed(await refreshed(second));
      scene.booted.clock.advanceMs(91_000);
      const answer = await scene.refresh(twice([first.refresh, third.refresh]));
      expect(answer.status).toBe(200);
      expect(await scene.sessionRow(first.handle)).not.toBeNull();
    });
  });

  describe('row 2: without a refresh token', () => {
    it.each([
      ['nothing at all', {}],
      ['nothing but proof of the same origin', { rid: 'session' }],
      ['an empty cookie', { cookie: `${REFRESH_COOKIE}=` }],
    ])('%s is "unauthorised" and clears nothing', async (_, headers: object) => {
      await expectRefused(scene, () => scene.refresh({ ...headers }), UNAUTHORISED);
    });

    it.each([
      ['a header of ours', { rid: 'session' }],
      ['Sec-Fetch-Site: same-origin', { 'sec-fetch-site': 'same-origin' }],
      ['the API’s own Origin', { origin: 'https://api.example.com' }],
    ])(
      'an access cookie that is left alone is cleared after %s, else it would be refused for ever',
      async (_, proof: object) => {
        const { access } = await scene.login('u2');
        const headers = { ...accessCookie(access), ...proof };
        await expectRefusedAndCleared(scene, () => scene.refresh(headers), UNAUTHORISED);
      },
    );

    it.each([
      ['nothing', {}],
      ['another site', { 'sec-fetch-site': 'cross-site' }],
      ['a sibling host', { 'sec-fetch-site': 'same-site' }],
      ['an address typed in', { 'sec-fetch-site': 'none' }],
      ['another Origin', { origin: 'https://evil.example' }],
      ['the Origin "null"', { origin: 'null' }],
    ])(
      'the access cookie stays where %s is all that is known of the page',
      async (_, proof: object) => {
        const { access } = await scene.login('u2');
        const headers = { ...accessCookie(access), ...proof };
        await expectRefused(scene, () => scene.refresh(headers), UNAUTHORISED);
      },
    );
  });

  describe('row 4: a token that proves nothing', () => {
    it.each([
      ['garbage', () => 'garbage'],
      ['a text of ours cut short', ({ refresh }: Holder) => refresh.slice(0, -1)],
      ['another last byte', ({ refresh }: Holder) => flipped(refresh, refresh.length - 5)],
      ['another handle', ({ refresh }: Holder) => flipped(refresh, 30)],
      ['an access token', ({ access }: Holder) => access],
      ['a megabyte in a header', () => `nasr_${'A'.repeat(7_000)}`],
    ])('%s is refused without a query and without effect', async (_, spoil) => {
      const holder = await scene.login('u4');
      const token = spoil(holder);
      for (const headers of [refreshCookie(token), bearer(token)]) {
        await expectNothingChanged(scene, async () => {
          queries.reset();
          const answer = await scene.refresh({ ...headers, rid: 'session' });
          expect(queries.count('auth_session')).toBe(0);
          expectAnswer(answer, UNAUTHORISED);
          expect([answer.setCookies, answer.headers['front-token']]).toEqual([[], undefined]);
        });
      }
      await refreshed(holder);
    });
  });

  describe('row 4: a session that the database proves dead', () => {
    it('is "unauthorised" and its tokens go where its row is missing', async () => {
      const holder = await scene.login('u5');
      expect(await scene.booted.app.get(SessionService).revokeSession(holder.handle)).toBe(true);
      const again = () => scene.refresh(bothCookies(holder));
      await expectRefusedAndCleared(scene, again, UNAUTHORISED);
    });

    it('is "unauthorised" and its row goes too where it has expired', async () => {
      const holder = await scene.login('u6');
      const expiresAt = scene.booted.clock.now();
      await scene.booted.dataSource
        .getRepository(Session)
        .update({ handle: holder.handle }, { expiresAt });
      const answer = await scene.refresh(bothCookies(holder));
      expectAnswer(answer, UNAUTHORISED);
      expectTokensCleared(answer);
      expect(await scene.sessionRow(holder.handle)).toBeNull();
    });
  });

  it('row 6: the first token rotates by one write, and its answer sets all tokens', async () => {
    const holder = await scene.login('u7');
    queries.reset();
    const next = await refreshed(holder);
    expect(queries.count('auth_session')).toBe(1);
    expect(next.refresh).not.toBe(holder.refresh);
    expect(await scene.sessionRow(holder.handle)).toMatchObject({
      generation: 1,
      confirmedAt: null,
      lastActiveAt: scene.booted.clock.now(),
      expiresAt: scene.booted.clock.now() + 100 * 24 * 3_600_000,
    });
  });

  it('N3: row 6: a token whose answer was lost gets siblings, any number of times and however late', async () => {
    const lost = await scene.login('u8');
    await refreshed(lost);
    await scene.advance(24 * 3_600_000);
    const rows = await scene.rows();
    const siblings = [await refreshed(lost), await refreshed(lost), await refreshed(lost)];
    expect(new Set(siblings.map(({ refresh }) => refresh)).size).toBe(3);
    expect(await scene.rows()).toEqual(rows);
  });

  it('row 7: a token that nobody has used yet comes again as it is, with a fresh access token', async () => {
    const first = await scene.login('u9');
    const second = await refreshed(first);
    const third = await refreshed(second);
    expect(third.refresh).toBe(second.refresh);
    expect((await scene.sessionRow(first.handle))?.generation).toBe(1);
    expect((await scene.get('/me', accessCookie(third.access))).status).toBe(200);
  });

  it('row 8: the parent is theft once a grace period has passed since its child was seen', async () => {
    const first = await scene.login('u10');
    await confirmed(await refreshed(first));
    await scene.advance(GRACE_MS - 1);
    await refreshed(first);
    await scene.advance(1);
    const answer = await scene.refresh(bothCookies(first));
    expectAnswer(answer, THEFT);
    expectTokensCleared(answer);
    expect(await scene.sessionRow(first.handle)).toBeNull();
    await scene.expectBystanderToStay();
    // The session is gone: a second replay is no theft any more, and the owner has to log in.
    await expectRefusedAndCleared(scene, () => scene.refresh(bothCookies(first)), UNAUTHORISED);
  });

  // Two tabs refresh at once. The second one's answer, asked for just before the window closes, is slow; until it is there
  // the first one's token goes out again, and each message takes less than a grace period.
  it.each([
    ['one grace period', GRACE_MS],
    ['two grace periods', 2 * GRACE_MS],
    ['nearly three grace periods', 3 * GRACE_MS - 1],
  ])(
    '%s after its generation was seen a token does not rotate yet, since the answer with its sibling may still be under way',
    async (_, passedMs) => {
      const first = await scene.login('u17');
      const early = await confirmed(await refreshed(first));
      await scene.advance(GRACE_MS - 1);
      const late = await refreshed(first);
      expect(late.refresh).not.toBe(early.refresh);
      await scene.advance(passedMs - (GRACE_MS - 1));
      for (const { refresh } of [early, late, early]) {
        const answer = await scene.refresh(refreshCookie(refresh));
        expect([answer.status, setCookie(answer, REFRESH_COOKIE)]).toEqual([200, undefined]);
      }
      expect((await scene.sessionRow(first.handle))?.generation).toBe(1);
    },
  );

  it('three grace periods after its generation was seen a token rotates, and its siblings are spent', async () => {
    const first = await scene.login('u18');
    const early = await confirmed(await refreshed(first));
    const late = await refreshed(first);
    await scene.advance(3 * GRACE_MS);
    await refreshed(early);
    expect((await scene.sessionRow(first.handle))?.generation).toBe(2);
    expectAnswer(await scene.refresh(bothCookies(late)), THEFT);
  });

  it('row 8: a grandparent is theft at once, by header too', async () => {
    const first = await scene.login('u11', { 'st-auth-mode': 'header' });
    const by = async ({ refresh }: Holder) => holderOf(await scene.refresh(bearer(refresh)));
    const second = await by(first);
    expect((await scene.get('/me', bearer(second.access))).status).toBe(200);
    await scene.settle();
    await scene.advance(3 * GRACE_MS);
    const third = await by(second);
    const answer = await scene.refresh(bearer(first.refresh));
    expectAnswer(answer, THEFT);
    expectTokensCleared(answer);
    const owner = await scene.refresh(bearer(third.refresh));
    expectAnswer(owner, UNAUTHORISED);
  });

  it('row 8: a thief who never stops refreshing cannot keep a theft from ending the session', async () => {
    const first = await scene.login('u19');
    const second = await confirmed(await refreshed(first));
    await scene.advance(3 * GRACE_MS);
    await refreshed(second);
    const writes = scene.booted.app.get(RefreshWrites);
    const refreshing = { goesOn: true };
    const thief = (async () => {
      while (refreshing.goesOn) await writes.change(first.handle, () => pause(1));
    })();
    const answer = await scene.refresh(bothCookies(first));
    refreshing.goesOn = false;
    await thief;
    expectAnswer(answer, THEFT);
    expect(await scene.sessionRow(first.handle)).toBeNull();
  });

  it('a token that is ahead of its row (a restored backup) is refused, and is no theft', async () => {
    const first = await scene.login('u12');
    const second = await refreshed(first);
    const restored = { generation: 0, parentRefreshTokenHash: NO_PARENT_HASH };
    await scene.booted.dataSource.getRepository(Session).update({ handle: first.handle }, restored);
    const again = () => scene.refresh(bothCookies(second));
    await expectRefusedAndCleared(scene, again, UNAUTHORISED);
    expect((await scene.sessionRow(first.handle))?.generation).toBe(0);
  });

  it('takes the payload from the database, and neither fetches nor validates claims', async () => {
    const holder = await scene.login('u13');
    const sessions = scene.booted.app.get(SessionService);
    await sessions.mergeIntoAccessTokenPayload(holder.handle, { plan: 'gold' });
    const { access } = await refreshed(holder);
    expect((await scene.get('/strict', accessCookie(access))).json).toMatchObject({ plan: 'gold' });
  });

  it('leaves a legacy cookie alone (differs from SuperTokens: cleared)', async () => {
    const { refresh } = await scene.login('u14');
    const { cookie } = refreshCookie(refresh);
    const answer = await scene.refresh({ cookie: `${cookie}; sIdRefreshToken=x` });
    expect(setCookie(answer, 'sIdRefreshToken')).toBeUndefined();
  });

  it('does not read the access cookie, which may be missing, expired or there twice', async () => {
    const { access, refresh } = await scene.login('u15');
    const { cookie } = accessCookie(access);
    const headers = { cookie: `${cookie}; ${cookie}; ${REFRESH_COOKIE}=${refresh}` };
    expect((await scene.refresh(headers)).status).toBe(200);
  });
});

function flipped(token: string, index: number): string {
  const other = token[index] === 'A' ? 'B' : 'A';
  return token.slice(0, index) + other + token.slice(index + 1);
}
