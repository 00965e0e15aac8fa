import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { platforms } from '../support/boot-app.js';
import { BIND, BoundScene, cookiesOf, REFRESH } from '../support/bound-scene.js';
import { newDevicePair, registrationProof } from '../support/device-key.js';

describe.each(platforms)('a session that is bound to a device, behind %s,', (platform) => {
  let scene: BoundScene;
  beforeEach(async () => {
    scene = await BoundScene.open(platform);
  });
  afterEach(() => scene.close());

  it('B1: is of no use to a thief of all of its cookies, once its access token has ended', async () => {
    const browser = await scene.loggedIn();
    scene.passMinutes(11);
    await browser.send('GET', '/me');
    const thief = browser.stolenCookies();
    expect((await thief.send('GET', '/me')).status).toBe(200);
    for (let minute = 0; minute < 30; minute += 1) {
      scene.passMinutes(1);
      await thief.send('POST', '/auth/session/refresh');
      const isOver = minute >= 9;
      expect((await thief.send('GET', '/me')).status).toBe(isOver ? 401 : 200);
    }
    expect((await browser.send('GET', '/me')).status).toBe(200);
  });

  it('B2: is never unbound by a client: a refresh token alone rotates nothing', async () => {
    const browser = await scene.loggedIn();
    const before = await scene.rows();
    const refresh = { cookie: `${REFRESH}=${browser.cookie(REFRESH)}` };
    const all = { ...cookiesOf(browser) };
    for (const headers of [refresh, all, { ...refresh, 'secure-session-skipped': 'unreachable' }]) {
      await scene.send('POST', '/auth/session/refresh', headers);
      await scene.send('POST', BIND, headers);
      expect(await scene.rows()).toEqual(before);
    }
  });

  it('B3: keeps its key: nobody with its cookies can register another one', async () => {
    const browser = await scene.loggedIn();
    const { deviceKey } = await scene.row();
    const challenge = String(scene.loginAnswer(browser).headers['secure-session-registration']);
    const [, answered = ''] = /challenge="(.*)"/.exec(challenge) ?? [];
    const proof = { 'secure-session-response': registrationProof(answered, newDevicePair()) };
    const answer = await scene.send('POST', BIND, { ...cookiesOf(browser), ...proof });
    expect(answer).toMatchObject({ status: 403, setCookies: [] });
    expect(await scene.row()).toMatchObject({ deviceKey });
  });

  it('B4: is neither changed nor ended by what a stranger sends in its name, and nothing of it is an error of ours', async () => {
    const browser = await scene.loggedIn();
    const before = await scene.rows();
    const { handle } = await scene.row();
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'aZ09-_."\\;=, {}'.split('')) }),
      fc.constantFrom('""', '"', '.', '..', '...', 'e30.e30.e30', 'a'.repeat(5000)),
    );
    const id = fc.oneof(fc.constant(handle), fc.constant(`"${handle}"`), text);
    await fc.assert(
      fc.asyncProperty(id, text, fc.boolean(), async (named, proof, isCookieSent) => {
        const { status } = await scene.send('POST', BIND, {
          'sec-secure-session-id': named.trim(),
          'secure-session-response': proof.trim(),
          ...(isCookieSent ? cookiesOf(browser) : {}),
        });
        expect([400, 401, 403]).toContain(status);
      }),
      { numRuns: 150 },
    );
    expect(await scene.rows()).toEqual(before);
  });

  it('B5: keeps its key to itself: neither it nor a hash of it is in an answer, a token, an event or a list', async () => {
    const browser = await scene.loggedIn();
    scene.passMinutes(11);
    const answer = await browser.send('GET', '/me');
    await scene.names();
    const { x = '', y = '' } = JSON.parse(String((await scene.row()).deviceKey)) as Record<
      string,
      string
    >;
    const shown = JSON.stringify([
      answer,
      scene.told,
      await scene.sessions.listSessions('ada'),
      scene.loginAnswer(browser),
      Buffer.from(
        String(browser.cookie('__Host-sAccessToken')?.split('.')[1]),
        'base64url',
      ).toString(),
    ]);
    expect(shown).not.toContain(x);
    expect(shown).not.toContain(y);
    // As the name of a member: a random text may hold these letters.
    expect(shown).not.toContain('jkt\\"');
    expect(shown).not.toContain('"jkt"');
  });

  it('B6: is refused where its tokens come in a header, which nothing binds', async () => {
    const browser = await scene.loggedIn();
    const bearer = (name: string) => ({ authorization: `Bearer ${browser.cookie(name)}` });
    expect((await scene.send('GET', '/me', bearer('__Host-sAccessToken'))).status).toBe(401);
    expect((await scene.send('POST', '/auth/session/refresh', bearer(REFRESH))).status).toBe(401);
    expect(await scene.send('POST', '/back', bearer(REFRESH))).toMatchObject({
      status: 401,
      json: { code: 'UNAUTHORISED' },
    });
  });

  it("B7: is not bound by another site's page", async () => {
    const browser = await scene.loggedIn({ canBind: false });
    const before = await scene.rows();
    const offer = String(scene.loginAnswer(browser).headers['secure-session-registration']);
    const [, challenge = ''] = /challenge="(.*)"/.exec(offer) ?? [];
    const headers = {
      ...cookiesOf(browser),
      'secure-session-response': registrationProof(challenge, newDevicePair()),
    };
    const elsewhere = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    const answer = await scene.send('POST', BIND, { ...headers, ...elsewhere });
    expect(answer).toMatchObject({ status: 403, setCookies: [] });
    expect(answer.json).toMatchObject({ code: 'CROSS_SITE_REQUEST' });
    expect(await scene.rows()).toEqual(before);
    expect((await scene.send('POST', BIND, headers)).status).toBe(200);
  });
});
