import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { expectEachRefused, expectRefused, TRY_REFRESH, UNAUTHORISED } from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  holderOf,
  payloadOf,
  refreshCookie,
  Scene,
  type Headers,
  type Holder,
} from '../support/scene.js';

describe.each(platforms)('anti-CSRF VIA_TOKEN on %s', (platform) => {
  let scene: Scene;
  let holder: Holder;
  let other: Holder;
  beforeAll(async () => {
    scene = await Scene.open({ platform, sessions: { antiCsrf: 'VIA_TOKEN' } });
    holder = await scene.login('u1');
    other = await scene.login('u2');
  });
  afterAll(() => scene.close());

  const proofOf = ({ antiCsrf }: Holder): Headers => ({ 'anti-csrf': String(antiCsrf) });
  const refreshed = async (from: Holder, proof = proofOf(from)): Promise<Holder> =>
    holderOf(await scene.refresh({ ...refreshCookie(from.refresh), ...proof }));

  it('gives a token with the login by cookie, which its page can read, and says it in the JWT', async () => {
    const answer = await scene.post('/login', {}, { userId: 'u1' });
    const { access, antiCsrf } = holderOf(answer);
    expect(antiCsrf).toMatch(/^[\w-]{43}$/);
    expect(answer.headers['access-control-expose-headers']).toBe('front-token, anti-csrf');
    expect(payloadOf(access)['antiCsrfToken']).toBe(antiCsrf);
  });

  it('gives none with a login by header, and asks for none', async () => {
    const byHeader = await scene.login('u3', { 'st-auth-mode': 'header' });
    expect(byHeader.antiCsrf).toBeUndefined();
    expect(payloadOf(byHeader.access)['antiCsrfToken']).toBeNull();
    expect((await scene.post('/forced', bearer(byHeader.access))).status).toBe(200);
    const answer = await scene.refresh(bearer(byHeader.refresh));
    expect([answer.status, answer.headers['anti-csrf']]).toEqual([200, undefined]);
  });

  it('asks for none by hand with a token of a login by header, unless `antiCsrfCheck` is true', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const { access, refresh } = await scene.login('u9', { 'st-auth-mode': 'header' });
    expect((await sessions.getSessionWithoutRequestResponse(access)).getUserId()).toBe('u9');
    await expect(
      sessions.getSessionWithoutRequestResponse(access, undefined, { antiCsrfCheck: true }),
    ).rejects.toMatchObject({ reason: 'anti-csrf' });
    // A refresh token doesn't say how it was given out.
    await expect(sessions.refreshSessionWithoutRequestResponse(refresh)).rejects.toMatchObject({
      reason: 'anti-csrf',
    });
    const next = await sessions.refreshSessionWithoutRequestResponse(refresh, true);
    const verified = await sessions.getSessionWithoutRequestResponse(next.getAccessToken());
    expect(verified.getUserId()).toBe('u9');
  });

  it('asks for one by hand with a token of a login by cookie', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const { access, antiCsrf } = await scene.login('u10');
    for (const wrong of [undefined, other.antiCsrf]) {
      await expect(sessions.getSessionWithoutRequestResponse(access, wrong)).rejects.toMatchObject({
        reason: 'anti-csrf',
      });
    }
    const verified = await sessions.getSessionWithoutRequestResponse(access, antiCsrf);
    expect(verified.getUserId()).toBe('u10');
  });

  it('serves GET and HEAD without it, and every method with it', async () => {
    const cookie = accessCookie(holder.access);
    for (const method of ['GET', 'HEAD']) {
      expect((await scene.send(method, '/act', cookie)).status).toBe(200);
    }
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await scene.send(method, '/forced', { ...cookie, ...proofOf(holder) });
      expect(answer.status).toBe(200);
    }
    expect((await scene.post('/unchecked', cookie)).status).toBe(200);
  });

  it.each([
    ['no value', (): Headers => ({})],
    ['an empty one', (): Headers => ({ 'anti-csrf': '' })],
    ['a wrong one', (): Headers => ({ 'anti-csrf': 'x'.repeat(43) })],
    ['one too long', (): Headers => ({ 'anti-csrf': 'x'.repeat(5_000) })],
    ['another session’s', (): Headers => proofOf(other)],
    ['its own with a character more', (): Headers => ({ 'anti-csrf': `${holder.antiCsrf}x` })],
    ['a header that proves much elsewhere', (): Headers => ({ rid: 'anti-csrf' })],
    ['Sec-Fetch-Site: same-origin', (): Headers => ({ 'sec-fetch-site': 'same-origin' })],
  ])('row 11: refuses %s wherever it is asked for', async (_, proof) => {
    const headers = { ...bothCookies(holder), ...proof() };
    const verified = ['POST', 'PUT', 'PATCH', 'DELETE'].map(
      (method) => () => scene.send(method, '/act', headers),
    );
    const more = ['/optional', '/strict', '/forced'].map((path) => () => scene.post(path, headers));
    const forced = () => scene.get('/forced', headers);
    await expectEachRefused(scene, [...verified, ...more, forced], TRY_REFRESH);
    const refresh = () => scene.refresh(headers);
    const signOut = () => scene.post('/auth/signout', headers);
    await expectEachRefused(scene, [refresh, signOut], UNAUTHORISED);
  });

  it('row 9: a session that was made without a token has none to give', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const made = await sessions.createNewSessionWithoutRequestResponse(
      'public',
      'u4',
      {},
      {},
      true,
    );
    const cookie = accessCookie(made.getAccessToken());
    const headers = { ...cookie, 'anti-csrf': 'null' };
    await expectRefused(scene, () => scene.post('/act', headers), TRY_REFRESH);
  });

  it('gives a new value with every refresh, and the old access token keeps its own', async () => {
    const first = await scene.login('u5');
    const second = await refreshed(first);
    expect(second.antiCsrf).not.toBe(first.antiCsrf);
    expect(payloadOf(second.access)['antiCsrfToken']).toBe(second.antiCsrf);
    const mixed = { ...accessCookie(second.access), ...proofOf(first) };
    expect((await scene.post('/act', mixed)).json).toEqual(TRY_REFRESH.body);
    const old = { ...accessCookie(first.access), ...proofOf(first) };
    expect((await scene.post('/act', old)).status).toBe(200);
  });

  it('takes at a refresh the value of the presented token or of its parent, never of its grandparent', async () => {
    const first = await scene.login('u6');
    const second = await refreshed(first);
    const again = await refreshed(second, proofOf(first));
    expect((await scene.get('/me', accessCookie(again.access))).status).toBe(200);
    await scene.settle();
    await scene.advance(90_000);
    const third = await refreshed(second, proofOf(first));
    const stale = { ...refreshCookie(third.refresh), ...proofOf(first) };
    await expectRefused(scene, () => scene.refresh(stale), UNAUTHORISED);
    expect((await refreshed(third, proofOf(second))).refresh).toBe(third.refresh);
  });

  it('takes at a lost answer the value of the token that is presented again', async () => {
    const first = await scene.login('u7');
    await refreshed(first);
    const sibling = await refreshed(first);
    const headers = { ...accessCookie(sibling.access), ...proofOf(sibling) };
    expect((await scene.post('/act', headers)).status).toBe(200);
  });

  it('takes at the sign-out the value of whichever token is left', async () => {
    for (const cookieOf of [
      ({ access }: Holder) => accessCookie(access),
      ({ refresh }: Holder) => refreshCookie(refresh),
    ]) {
      const own = await scene.login('u8');
      const signOut = await scene.post('/auth/signout', { ...cookieOf(own), ...proofOf(own) });
      expect(signOut.status).toBe(200);
      expect(await scene.sessionRow(own.handle)).toBeNull();
    }
  });
});
