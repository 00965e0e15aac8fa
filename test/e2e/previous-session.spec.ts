import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SessionService, SessionStoreUnavailableException } from '../../lib/index.js';
import { SessionLimit } from '../../lib/session/issue/session-limit.js';
import { platforms } from '../support/boot-app.js';
import { expectAnswer, REPLACED, TRY_REFRESH } from '../support/refusal.js';
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

// Row 3 of the decisions of a login: SuperTokens does not look at the session that is there already.
describe.each(platforms)('a login on a request that carries a session, on %s,', (platform) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({ platform });
  });
  afterAll(() => scene.close());

  it.each([
    ['both cookies', (holder: Holder) => bothCookies(holder)],
    ['the access cookie', (holder: Holder) => accessCookie(holder.access)],
    ['the refresh cookie', (holder: Holder) => refreshCookie(holder.refresh)],
    ['a bearer', (holder: Holder) => bearer(holder.access)],
  ])('ends that one by %s (differs from SuperTokens: it lives on)', async (_, headersOf) => {
    const old = await scene.login('u1');
    const next = await scene.login('u1', headersOf(old));
    expect(next.handle).not.toBe(old.handle);
    expectAnswer(await scene.get('/me', accessCookie(old.access)), TRY_REFRESH);
    expectAnswer(await scene.refresh(refreshCookie(old.refresh)), REPLACED);
    expect((await scene.get('/strict', accessCookie(next.access))).status).toBe(200);
    expect(await scene.sessionRow(old.handle)).toBeNull();
    await scene.expectBystanderToStay();
  });

  it('ends it also where its access token has expired, and another user’s', async () => {
    const old = await scene.login('u2');
    await scene.advance(3_600_000);
    await scene.login('u3', accessCookie(old.access));
    expect(await scene.sessionRow(old.handle)).toBeNull();
  });

  it('logs in also where the database fails once the old one has ended, before the limit is checked', async () => {
    const old = await scene.login('u6');
    const limit = vi.spyOn(scene.booted.app.get(SessionLimit), 'makeRoomFor');
    limit.mockRejectedValueOnce(new SessionStoreUnavailableException());
    const next = await scene.login('u6', bothCookies(old));
    limit.mockRestore();
    expect((await scene.get('/strict', accessCookie(next.access))).status).toBe(200);
  });

  it('ends the two sessions that a header and a cookie carry', async () => {
    const byHeader = await scene.login('u4', { 'st-auth-mode': 'header' });
    const byCookie = await scene.login('u4');
    await scene.login('u4', { ...bearer(byHeader.access), ...accessCookie(byCookie.access) });
    const sessions = scene.booted.app.get(SessionService);
    expect(await sessions.getAllSessionHandlesForUser('u4')).toHaveLength(1);
  });

  it.each([
    [
      'a forged access token',
      ({ access }: Holder): Headers => accessCookie(`${access.slice(0, -5)}AAAAA`),
    ],
    [
      'a forged refresh token',
      ({ refresh }: Holder): Headers => refreshCookie(`${refresh.slice(0, -5)}AAAAA`),
    ],
    ['garbage', (): Headers => ({ ...bothCookies({ access: 'x', refresh: 'y' }), ...bearer('z') })],
    ['a handle where a token belongs', ({ handle }: Holder): Headers => accessCookie(handle)],
  ])('ends nobody’s session by %s, and logs in all the same', async (_, headersOf) => {
    const victim = await scene.login('victim');
    const next = await scene.login('u5', headersOf(victim));
    expect((await scene.get('/strict', accessCookie(victim.access))).status).toBe(200);
    expect((await scene.get('/strict', accessCookie(next.access))).status).toBe(200);
  });

  it('carries nothing over', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const old = await scene.login('u6');
    await sessions.mergeIntoAccessTokenPayload(old.handle, { cart: 7, role: 'admin' });
    await sessions.updateSessionDataInDatabase(old.handle, { step: 'paid' });
    const old2 = holderOf(await scene.refresh(refreshCookie(old.refresh)));
    expect(payloadOf(old2.access)).toMatchObject({ cart: 7 });
    const next = await scene.login('u6', bothCookies(old2));
    expect(await sessions.getSessionInformation(next.handle)).toMatchObject({
      customClaimsInAccessTokenPayload: {},
      sessionDataInDatabase: {},
    });
    expect(payloadOf(next.access)).not.toHaveProperty('cart');
  });

  it('lets it live with `revokePreviousSession: false`', async () => {
    const other = await Scene.open({ platform, sessions: { revokePreviousSession: false } });
    const old = await other.login('u7');
    await other.login('u7', bothCookies(old));
    expect((await other.get('/strict', accessCookie(old.access))).status).toBe(200);
    await other.close();
  });

  it('leaves other sessions of the user alone', async () => {
    const phone = await scene.login('u8');
    const laptop = await scene.login('u8');
    await scene.login('u8', bothCookies(laptop));
    expect((await scene.get('/strict', accessCookie(phone.access))).status).toBe(200);
  });
});
