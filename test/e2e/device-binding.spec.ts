import {
  HttpException,
  RequestTimeoutException,
  type CallHandler,
  type ExecutionContext,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { catchError, map, throwError } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Session, SessionEventBus, SessionModule, SessionService } from '../../lib/index.js';
import { DeviceKeyStore } from '../../lib/store/device-key.store.js';
import { SessionStore } from '../../lib/store/session.store.js';
import type { FakeBrowser, FakeBrowserAnswer } from '../../lib/testing/index.js';
import { NO_PARENT_HASH } from '../../lib/tokens/refresh-token.js';
import { platforms } from '../support/boot-app.js';
import { ACCESS, BIND, BoundScene, cookiesOf, REFRESH } from '../support/bound-scene.js';
import { describeOnEachDatabase } from '../support/components.js';
import { jwtOf, newDevicePair, refreshProof, registrationProof } from '../support/device-key.js';
import type { Answer } from '../support/http-client.js';
import { payloadOf } from '../support/scene.js';
import { readSetCookie } from '../support/set-cookie.js';

const REFRESH_ROUTE = '/auth/session/refresh';

describeOnEachDatabase('sessions that are bound to a device', (engine) => {
  describe.each(platforms)('behind %s', (platform) => {
    let scene: BoundScene;
    let shared: BoundScene;
    beforeAll(async () => {
      shared = await BoundScene.open(platform, engine);
    });
    afterEach(() => (scene === shared ? shared.forget() : scene.close()));
    afterAll(() => shared.close());

    /** The application that tests share; one of the test's own where it has options of its own. */
    const open = async (
      sessions?: Parameters<typeof BoundScene.open>[2],
      more?: Parameters<typeof BoundScene.open>[3],
    ): Promise<void> => {
      const isOwn = sessions !== undefined || more !== undefined;
      scene = isOwn ? await BoundScene.open(platform, engine, sessions, more) : shared;
    };

    /** The session of a browser of one's own making, bound by hand, with the key and the next challenge. */
    const bindByHand = async () => {
      const browser = await scene.loggedIn({ canBind: false });
      const { challenge } = offerOf(scene.loginAnswer(browser));
      const pair = newDevicePair();
      const proof = registrationProof(challenge, pair);
      const answer = await scene.send('POST', BIND, {
        ...cookiesOf(browser),
        'secure-session-response': proof,
      });
      expect(answer.status).toBe(200);
      const { handle: id } = await scene.row();
      return { browser, pair, id, challenge: challengeOf(answer), proof, answer };
    };

    const refreshByHand = (id: string, proof?: string, browser?: FakeBrowser): Promise<Answer> =>
      scene.send('POST', BIND, {
        'sec-secure-session-id': id,
        ...(proof === undefined ? {} : { 'secure-session-response': proof }),
        ...(browser && cookiesOf(browser)),
      });

    it('are bound beside the login, refreshed by the browser, and worthless elsewhere', async () => {
      await open();
      const browser = await scene.loggedIn();
      expect(browser.journal).toEqual(['registered']);
      const thief = browser.stolenCookies();
      scene.passMinutes(9);
      expect((await thief.send('GET', '/me')).status).toBe(200);
      scene.passMinutes(2);
      expect((await thief.send('GET', '/me')).status).toBe(401);
      expect((await thief.send('POST', REFRESH_ROUTE)).status).toBe(503);
      expect((await thief.send('GET', '/me')).status).toBe(401);
      expect(jsonOf(await browser.send('GET', '/me'))).toEqual({ userId: 'ada', isBound: true });
      expect(browser.journal).toEqual(['registered', 'refreshed']);
      expect(await scene.names()).toEqual(['bound', 'refreshed']);
    });

    it('are known as bound to conditions that are asked by handle', async () => {
      await open();
      await scene.loggedIn();
      const { handle } = await scene.row();
      const bound = {
        id: 'bound',
        validate: ({ cnf }: Readonly<Record<string, unknown>>) => ({ isValid: cnf !== undefined }),
      };
      expect(
        await scene.sessions.validateClaimsForSessionHandle(handle, () => [bound]),
      ).toMatchObject({ invalidClaims: [] });
    });

    it('go on for weeks by the browser alone', async () => {
      await open({});
      const browser = await scene.loggedIn();
      for (let day = 0; day < 30; day += 1) {
        scene.passMinutes(24 * 60);
        expect((await browser.send('GET', '/me')).status).toBe(200);
      }
      expect(browser.journal.filter((each) => each !== 'refreshed')).toEqual(['registered']);
    });

    it('have a cookie that is gone when its token ends, and the attributes that the browser was told', async () => {
      await open();
      const { browser, id, pair, challenge } = await bindByHand();
      const answer = await refreshByHand(id, refreshProof(challenge, pair), browser);
      expect(answer.status).toBe(200);
      const [access, refresh] = answer.setCookies.map(readSetCookie);
      expect(access).toMatchObject({ name: ACCESS, attributes: { 'max-age': '600' } });
      expect(refresh).toMatchObject({ name: REFRESH, attributes: { 'max-age': '8640000' } });
      const { exp = 0, iat = 0, cnf } = payloadOf(access?.value ?? '') as Record<string, never>;
      expect(exp - iat).toBe(600);
      expect(cnf).toEqual({ kid: 'device' });
      expect(answer.headers['cache-control']).toBe('no-store');
    });

    describe('at their registration', () => {
      it('get the instructions, the bound cookie and the challenge of the first refresh', async () => {
        await open({ trustedOrigins: ['https://www.example.com', 'capacitor://localhost'] });
        const browser = await scene.loggedIn({ canBind: false });
        const { challenge, path } = offerOf(scene.loginAnswer(browser));
        expect(path).toBe(BIND);
        const pair = newDevicePair();
        const answer = await scene.send('POST', BIND, {
          ...cookiesOf(browser),
          'secure-session-response': registrationProof(challenge, pair),
        });
        const row = await scene.row();
        expect(answer.json).toEqual({
          session_identifier: row.handle,
          scope: { include_site: false, scope_specification: [] },
          credentials: [
            { type: 'cookie', name: ACCESS, attributes: 'Path=/; HttpOnly; Secure; SameSite=Lax' },
          ],
          allowed_refresh_initiators: ['www.example.com'],
        });
        expect(challengeOf(answer, row.handle)).toMatch(/^[\w-]{90}$/);
        expect(row.deviceKey).toBe(
          JSON.stringify({ kty: 'EC', crv: 'P-256', x: pair.jwk['x'], y: pair.jwk['y'] }),
        );
        const { x = '' } = pair.jwk;
        expect(JSON.stringify([answer.headers, answer.text])).not.toContain(x);
      });

      it('answer the same proof once more, where the first answer was lost', async () => {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        const { challenge } = offerOf(scene.loginAnswer(browser));
        const headers = {
          ...cookiesOf(browser),
          'secure-session-response': registrationProof(challenge, newDevicePair()),
        };
        const first = await scene.send('POST', BIND, headers);
        const again = await scene.send('POST', BIND, headers);
        expect(again).toMatchObject({ status: 200, json: first.json });
        expect(await scene.names()).toEqual(['bound']);
      });

      it('are prolonged by no proof that comes again late, and refuse it once the token has ended', async () => {
        await open();
        const { browser, proof, answer: first } = await bindByHand();
        const register = (access: string): Promise<Answer> =>
          scene.send('POST', BIND, {
            cookie: `${ACCESS}=${access}; ${REFRESH}=${browser.cookie(REFRESH)}`,
            'secure-session-response': proof,
          });
        const bound = accessTokenIn(first);
        scene.passMinutes(6);
        const again = await register(bound);
        expect(again).toMatchObject({ status: 200, json: first.json });
        expect(payloadOf(accessTokenIn(again))['exp']).toBe(payloadOf(bound)['exp']);
        scene.passMinutes(4);
        const late = await register(accessTokenIn(again));
        expect(late).toMatchObject({ status: 401, setCookies: [] });
      });

      it('are bound by no proof beside an access token that has ended', async () => {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        const { challenge } = offerOf(scene.loginAnswer(browser));
        const cookies = cookiesOf(browser);
        scene.passMinutes(10);
        const answer = await scene.send('POST', BIND, {
          ...cookies,
          'secure-session-response': registrationProof(challenge, newDevicePair()),
        });
        expect(answer).toMatchObject({ status: 401, setCookies: [] });
        expect(answer.headers['secure-session-registration']).toBeUndefined();
        expect(await scene.row()).toMatchObject({ deviceKey: null });
      });

      it('keep the key of who was first', async () => {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        const { challenge } = offerOf(scene.loginAnswer(browser));
        const proofs = [1, 2, 3, 4].map(() => registrationProof(challenge, newDevicePair()));
        const answers = await Promise.all(
          proofs.map((proof) =>
            scene.send('POST', BIND, { ...cookiesOf(browser), 'secure-session-response': proof }),
          ),
        );
        expect(statusesOf(answers)).toEqual([200, 403, 403, 403]);
        expect(
          answers.flatMap(({ headers }) => headers['secure-session-registration'] ?? []),
        ).toEqual([]);
        expect((await scene.names()).filter((name) => name === 'bound')).toHaveLength(1);
      });

      /** A login whose browser registers its key by hand. */
      async function registering() {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        const { challenge } = offerOf(scene.loginAnswer(browser));
        const pair = newDevicePair();
        const register = (answered: string): Promise<Answer> =>
          scene.send('POST', BIND, {
            ...cookiesOf(browser),
            'secure-session-response': registrationProof(answered, pair),
          });
        return { browser, challenge, register };
      }

      it('get one more challenge for one that came too late, and no third', async () => {
        const { challenge, register } = await registering();
        scene.passMinutes(5);
        const late = await register(challenge);
        expect(late.status).toBe(403);
        const second = offerOf(late).challenge;
        scene.passMinutes(4);
        expect((await register(second)).status).toBe(200);
      });

      it('get no third challenge where the second came too late as well', async () => {
        const { browser, challenge, register } = await registering();
        scene.passMinutes(5);
        const second = offerOf(await register(challenge)).challenge;
        expect((await browser.send('POST', REFRESH_ROUTE)).status).toBe(200);
        scene.passMinutes(5);
        const late = await register(second);
        expect(late).toMatchObject({ status: 403, json: { code: 'DEVICE_PROOF_REFUSED' } });
        expect(late.headers['secure-session-registration']).toBeUndefined();
      });

      it('answer both of two that bring the same proof at once', async () => {
        await open({});
        const keys = scene.booted.app.get(DeviceKeyStore);
        const bind = keys.bind.bind(keys);
        // The other request is first.
        vi.spyOn(keys, 'bind').mockImplementationOnce(async (...row) => {
          expect(await bind(...row)).toBe(true);
          return bind(...row);
        });
        const { id, pair, challenge } = await bindByHand();
        expect((await refreshByHand(id, refreshProof(challenge, pair))).status).toBe(200);
      });

      it('rotate nothing without a proof for a refresh that read the row before', async () => {
        await open({});
        const browser = await scene.loggedIn({ registersAtOnce: false });
        const store = scene.booted.app.get(SessionStore);
        const find = store.find.bind(store);
        vi.spyOn(store, 'canRotateAsPresented', 'get').mockReturnValue(false);
        vi.spyOn(store, 'find').mockImplementationOnce(async (handle) => {
          const read = await find(handle);
          await browser.settle();
          return read;
        });
        const cookies = cookiesOf(browser);
        const own = { 'sec-fetch-site': 'same-origin' };
        const answer = await scene.send('POST', REFRESH_ROUTE, { ...cookies, ...own });
        expect(browser.journal).toEqual(['registered']);
        expect(answer.status).toBe(200);
        expect(answer.setCookies.map((line) => readSetCookie(line).name)).toEqual([ACCESS]);
        expect(await scene.row()).toMatchObject({ generation: 0 });
      });

      it.each<[string, number, (challenge: string) => string | undefined]>([
        ['no proof', 400, () => undefined],
        ['a proof of no form', 400, () => 'a.b.c'],
        ['a proof without a key', 400, (challenge) => refreshProof(challenge, newDevicePair())],
        [
          'a proof of no algorithm',
          400,
          (c) => registrationProof(c, newDevicePair(), { alg: 'none' }),
        ],
        ['a proof of RS256', 400, (c) => registrationProof(c, newDevicePair(), { alg: 'RS256' })],
        [
          'a proof of another type',
          400,
          (c) => registrationProof(c, newDevicePair(), { typ: 'JWT' }),
        ],
        [
          'a private key',
          400,
          (c) =>
            registrationProof(c, newDevicePair(), { jwk: { ...newDevicePair().jwk, d: 'AAAA' } }),
        ],
        [
          'an oversize proof',
          400,
          (c) => registrationProof(c, newDevicePair(), { x: 'x'.repeat(4000) }),
        ],
        [
          'a foreign key',
          403,
          (c) => registrationProof(c, newDevicePair(), { jwk: newDevicePair().jwk }),
        ],
        ['a challenge of nobody', 403, () => registrationProof('x'.repeat(90), newDevicePair())],
        [
          'two challenges',
          400,
          (c) => {
            const { privateKey, jwk } = newDevicePair();
            return jwtOf(
              { alg: 'ES256', typ: 'dbsc+jwt', jwk },
              `{"jti":"x","jti":"${c}"}`,
              privateKey,
            );
          },
        ],
      ])('refuse %s with %i, and stay as they are', async (_, status, proofOf) => {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        const { challenge } = offerOf(scene.loginAnswer(browser));
        const before = await scene.rows();
        const proof = proofOf(challenge);
        const answer = await scene.send('POST', BIND, {
          ...cookiesOf(browser),
          ...(proof === undefined ? {} : { 'secure-session-response': proof }),
        });
        expect(answer).toMatchObject({ status, setCookies: [] });
        expect(answer.json).toMatchObject({ code: 'DEVICE_PROOF_REFUSED' });
        expect(await scene.rows()).toEqual(before);
        expect(await scene.names()).toEqual(['proofFailed']);
        expect((await browser.send('GET', '/me')).status).toBe(200);
      });

      it("refuse a challenge of another user's session", async () => {
        await open();
        const ada = await scene.loggedIn({ canBind: false });
        const bob = await scene.loggedIn({ canBind: false }, { userId: 'bob' });
        const { challenge } = offerOf(scene.loginAnswer(bob));
        const answer = await scene.send('POST', BIND, {
          ...cookiesOf(ada),
          'secure-session-response': registrationProof(challenge, newDevicePair()),
        });
        expect(answer.status).toBe(403);
        expect((await scene.rows()).map(({ deviceKey }) => deviceKey)).toEqual([null, null]);
      });

      it('answer 401 without a session, and where it is over', async () => {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        const { challenge } = offerOf(scene.loginAnswer(browser));
        const proof = { 'secure-session-response': registrationProof(challenge, newDevicePair()) };
        expect((await scene.send('POST', BIND, proof)).status).toBe(401);
        const { handle } = await scene.row();
        await scene.booted.dataSource.query('DELETE FROM auth_session');
        const late = await scene.send('POST', BIND, { ...proof, ...cookiesOf(browser) });
        expect(late).toMatchObject({ status: 401, setCookies: [] });
        expect(handle).toMatch(/-7/);
      });
    });

    it('are refused a token that is ahead of their row (a restored backup), beside a good access token too', async () => {
      await open();
      const browser = await scene.loggedIn({ registersAtOnce: false });
      expect((await browser.send('POST', REFRESH_ROUTE)).status).toBe(200);
      await browser.settle();
      expect((await scene.row()).deviceKey).not.toBeNull();
      const { handle } = await scene.row();
      const restored = { generation: 0, parentRefreshTokenHash: NO_PARENT_HASH };
      await scene.booted.dataSource.getRepository(Session).update({ handle }, restored);
      const answer = await scene.send('POST', REFRESH_ROUTE, cookiesOf(browser));
      expect(answer).toMatchObject({ status: 401, json: { code: 'UNAUTHORISED' } });
      expect(await scene.names()).not.toContain('theftDetected');
      expect(await scene.row()).toMatchObject({ generation: 0 });
    });

    describe('at a refresh of the browser', () => {
      it('get a challenge where no proof was brought, and nothing else', async () => {
        await open();
        const { id, browser } = await bindByHand();
        const before = await scene.rows();
        const answer = await refreshByHand(id, undefined, browser);
        expect(answer).toMatchObject({ status: 403, setCookies: [], text: '' });
        expect(challengeOf(answer, id)).toMatch(/^[\w-]{90}$/);
        expect(await scene.rows()).toEqual(before);
      });

      it('take the id and the proof between quotation marks as well', async () => {
        await open();
        const { id, pair, challenge } = await bindByHand();
        const answer = await refreshByHand(`"${id}"`, `"${refreshProof(challenge, pair)}"`);
        expect(answer.status).toBe(200);
      });

      it('get an access token alone where the refresh cookie did not come along', async () => {
        await open();
        const { id, pair, challenge } = await bindByHand();
        const answer = await refreshByHand(id, refreshProof(challenge, pair));
        expect(answer.status).toBe(200);
        expect(answer.setCookies.map((line) => readSetCookie(line).name)).toEqual([ACCESS]);
        expect(await scene.row()).toMatchObject({ generation: 0 });
      });

      it('answer a proof that comes again with 403 and a fresh challenge, and then go on', async () => {
        await open();
        const { id, pair, challenge, browser } = await bindByHand();
        const proof = refreshProof(challenge, pair);
        expect((await refreshByHand(id, proof, browser)).status).toBe(200);
        const again = await refreshByHand(id, proof, browser);
        expect(again).toMatchObject({ status: 403, setCookies: [] });
        const next = await refreshByHand(id, refreshProof(challengeOf(again), pair), browser);
        expect(next.status).toBe(200);
        expect(await scene.names()).not.toContain('theftDetected');
      });

      it('let one of two pass that bring the same proof at once', async () => {
        await open();
        const { id, pair, challenge } = await bindByHand();
        const proof = refreshProof(challenge, pair);
        const answers = await Promise.all([1, 2, 3].map(() => refreshByHand(id, proof)));
        expect(statusesOf(answers)).toEqual([200, 403, 403]);
      });

      it('answer a challenge that is too old, or was none of theirs, with 403 and a fresh one', async () => {
        await open();
        const { id, pair, challenge } = await bindByHand();
        scene.passMinutes(21);
        const old = await refreshByHand(id, refreshProof(challenge, pair));
        expect(old.status).toBe(403);
        const foreign = await refreshByHand(id, refreshProof('x'.repeat(90), pair));
        expect(foreign.status).toBe(403);
        const good = await refreshByHand(id, refreshProof(challengeOf(foreign), pair));
        expect(good.status).toBe(200);
      });

      it.each<[string, number, (c: string, pair: ReturnType<typeof newDevicePair>) => string]>([
        ['signed by another key', 401, (c) => refreshProof(c, newDevicePair())],
        ['that brings its key', 400, (c, pair) => registrationProof(c, pair)],
        ['that brings another key', 400, (c) => registrationProof(c, newDevicePair())],
        ['of no form', 400, () => 'nonsense'],
        [
          'without an algorithm',
          400,
          (c, pair) => jwtOf({ alg: 'none', typ: 'dbsc+jwt' }, { jti: c }, pair.privateKey),
        ],
      ])('refuse a proof %s with %i: no theft, nothing changed', async (_, status, proofOf) => {
        await open();
        const { id, pair, challenge, browser } = await bindByHand();
        const before = await scene.rows();
        const answer = await refreshByHand(id, proofOf(challenge, pair), browser);
        expect(answer).toMatchObject({ status, setCookies: [] });
        expect(await scene.rows()).toEqual(before);
        expect(await scene.names()).toEqual(['bound', 'proofFailed']);
        expect((await refreshByHand(id, refreshProof(challenge, pair), browser)).status).toBe(200);
      });

      it('answer 401 for the id of a session that is over, unbound, or nobody heard of', async () => {
        await open();
        const unbound = await scene.loggedIn({ canBind: false });
        const { handle } = await scene.row();
        expect((await refreshByHand(handle, undefined, unbound)).status).toBe(401);
        expect((await refreshByHand('nonsense')).status).toBe(401);
        expect((await refreshByHand('"')).status).toBe(401);
        const { id, pair, challenge } = await bindAnother();
        await scene.sessions.revokeSession(id);
        const ended = await refreshByHand(id, refreshProof(challenge, pair));
        expect(ended).toMatchObject({ status: 401, setCookies: [] });
        async function bindAnother() {
          await scene.sessions.revokeSession(handle);
          return bindByHand();
        }
      });

      it('answer 503 while the database is away, and change no cookie', async () => {
        await open({});
        const { id, pair, challenge, browser } = await bindByHand();
        const { dataSource } = scene.booted;
        await dataSource.destroy();
        const answer = await refreshByHand(id, refreshProof(challenge, pair), browser);
        await dataSource.initialize();
        expect(answer).toMatchObject({ status: 503, setCookies: [] });
        expect((await refreshByHand(id, refreshProof(challenge, pair), browser)).status).toBe(200);
      });

      it('are refreshed where the refresh cookie never comes along', async () => {
        await open({ cookie: { refreshPath: REFRESH_ROUTE } });
        const browser = await scene.loggedIn({}, { persistent: false });
        scene.passMinutes(9);
        expect((await browser.send('GET', '/me')).status).toBe(200);
        expect(browser.journal).toEqual(['registered', 'refreshed']);
        scene.passMinutes(11);
        expect((await browser.send('GET', '/me')).status).toBe(200);
        expect(browser.journal).toEqual(['registered', 'refreshed', 'refreshed']);
      });

      it('give a former session up where the user has logged in anew', async () => {
        await open({ revokePreviousSession: false });
        const { id, pair, challenge } = await bindByHand();
        const other = await scene.loggedIn({ canBind: false }, { userId: 'bob' });
        const answer = await refreshByHand(id, refreshProof(challenge, pair), other);
        expect(answer).toMatchObject({ status: 401, setCookies: [] });
      });

      it('do not outlive the window without "remember me", but for the access token until it ends', async () => {
        await open();
        const browser = await scene.loggedIn({}, { persistent: false });
        scene.passMinutes(11);
        expect((await browser.send('GET', '/me')).status).toBe(200);
        browser.restart();
        await browser.refreshAll();
        const isOut = 'refresh skipped: server_error';
        expect(browser.journal).toEqual(['registered', 'refreshed', isOut]);
        scene.passMinutes(7);
        expect((await browser.send('GET', '/me')).status).toBe(200);
        scene.passMinutes(3);
        expect((await browser.send('GET', '/me')).status).toBe(401);
        expect(browser.journal).toEqual(['registered', 'refreshed', isOut, isOut]);
      });
    });

    describe('where a page refreshes by itself', () => {
      it('give it a token that ends when the one that came along ends, and rotate nothing', async () => {
        await open();
        const browser = await scene.loggedIn();
        const before = await scene.row();
        scene.passMinutes(4);
        const answer = await browser.send('POST', REFRESH_ROUTE);
        expect(answer.status).toBe(200);
        const { exp } = payloadOf(browser.cookie(ACCESS) ?? '');
        expect(Number(exp) * 1000 - scene.booted.clock.now()).toBe(6 * 60_000);
        expect(answer.headers['front-token']).toBeDefined();
        expect(answer.setCookies.map((line) => readSetCookie(line).name)).toEqual([ACCESS]);
        expect(await scene.row()).toEqual(before);
      });

      it('answer 503 where no access token is left, and keep the session', async () => {
        await open();
        const browser = await scene.loggedIn();
        scene.passMinutes(11);
        const answer = await scene.send('POST', REFRESH_ROUTE, cookiesOf(browser));
        expect(answer).toMatchObject({ status: 503, setCookies: [] });
        expect(answer.headers['retry-after']).toBe('5');
        expect(answer.json).toMatchObject({ code: 'DEVICE_PROOF_MISSING' });
        expect((await browser.send('GET', '/me')).status).toBe(200);
      });

      it('take no access token of another session for it', async () => {
        await open({ revokePreviousSession: false });
        const browser = await scene.loggedIn();
        scene.passMinutes(11);
        const bob = await scene.loggedIn({}, { userId: 'bob' });
        const mixed = {
          cookie: `${ACCESS}=${bob.cookie(ACCESS)}; ${REFRESH}=${browser.cookie(REFRESH)}`,
        };
        const own = { ...mixed, 'sec-fetch-site': 'same-origin' };
        const answer = await scene.send('POST', REFRESH_ROUTE, own);
        expect(answer).toMatchObject({ status: 503, setCookies: [] });
      });

      it('take none from a header', async () => {
        await open();
        const browser = await scene.loggedIn();
        const answer = await scene.send('POST', REFRESH_ROUTE, {
          ...cookiesOf(browser, [REFRESH]),
          authorization: `Bearer ${browser.cookie(ACCESS)}`,
        });
        expect(answer).toMatchObject({ status: 503, setCookies: [] });
      });

      it('go on at once after the key of their access token was revoked', async () => {
        await open({});
        const browser = await scene.loggedIn();
        await scene.sessions.revokeKey(keyIdOf(browser.cookie(ACCESS) ?? ''));
        expect((await browser.send('GET', '/me')).status).toBe(401);
        for (const site of ['cross-site', 'none']) {
          const elsewhere = { ...cookiesOf(browser), 'sec-fetch-site': site };
          const { setCookies } = await scene.send('POST', REFRESH_ROUTE, elsewhere);
          expect(setCookies).toEqual([]);
        }
        const answer = await browser.send('POST', REFRESH_ROUTE);
        expect(answer.status).toBe(503);
        expect(answer.setCookies.map(readSetCookie)).toMatchObject([
          { name: ACCESS, value: '', attributes: { 'max-age': '0' } },
        ]);
        expect(answer.headers['front-token']).toBeUndefined();
        expect((await browser.send('GET', '/me')).status).toBe(200);
        expect(browser.journal).toEqual(['registered', 'refreshed']);
      });

      it('still find out a refresh token that the session has left behind', async () => {
        await open();
        const browser = await scene.loggedIn();
        const stolen = { cookie: `${REFRESH}=${browser.cookie(REFRESH)}` };
        for (let count = 0; count < 3; count += 1) {
          scene.passMinutes(11);
          await browser.send('GET', '/me');
        }
        const answer = await scene.send('POST', REFRESH_ROUTE, stolen);
        expect(answer.json).toMatchObject({ code: 'TOKEN_THEFT_DETECTED' });
        expect(await scene.names()).toContain('theftDetected');
      });

      it('refuse it by header', async () => {
        await open();
        const browser = await scene.loggedIn();
        const bearer = (name: string) => ({ authorization: `Bearer ${browser.cookie(name)}` });
        expect((await scene.send('GET', '/me', bearer(ACCESS))).status).toBe(401);
        expect((await browser.send('GET', '/me')).status).toBe(200);
        expect((await scene.send('GET', '/me', bearer(ACCESS))).status).toBe(401);
        const answer = await scene.send('POST', REFRESH_ROUTE, bearer(REFRESH));
        expect(answer).toMatchObject({ status: 401, setCookies: [] });
        expect((await browser.send('GET', '/me')).status).toBe(200);
      });
    });

    describe('with a browser that', () => {
      it('can not bind: sessions are what they were without the option, but for the first token', async () => {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        expect(lifeOf(browser)).toBe(600);
        scene.passMinutes(9);
        expect((await browser.send('POST', REFRESH_ROUTE)).status).toBe(200);
        expect(lifeOf(browser)).toBe(3600);
        expect(await scene.row()).toMatchObject({ deviceKey: null, generation: 1 });
        expect(jsonOf(await browser.send('GET', '/me'))).toEqual({ userId: 'ada', isBound: false });
      });

      it('can not bind: its first token lives no longer than the others', async () => {
        await open({ accessTokenLifetime: '2m' });
        const browser = await scene.loggedIn({ canBind: false });
        expect(lifeOf(browser)).toBe(120);
        expect((await browser.send('POST', REFRESH_ROUTE)).status).toBe(200);
        expect(lifeOf(browser)).toBe(120);
        const bound = await scene.loggedIn();
        expect(lifeOf(bound)).toBe(300);
      });

      it('loses the answer to its refresh, once and twice', async () => {
        await open();
        const browser = await scene.loggedIn();
        for (const lost of [1, 2]) {
          scene.passMinutes(11);
          browser.answersToLose = lost;
          await browser.send('GET', '/me');
          expect((await browser.send('GET', '/me')).status).toBe(200);
        }
        expect(await scene.names()).not.toContain('theftDetected');
        expect(browser.journal).not.toContain('ended');
      });

      it('has several tabs: they wait for one refresh', async () => {
        await open();
        const browser = await scene.loggedIn();
        scene.passMinutes(11);
        const answers = await Promise.all([1, 2, 3, 4].map(() => browser.send('GET', '/me')));
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
        expect(browser.journal).toEqual(['registered', 'refreshed']);
      });

      it('has used up its signatures: the session is kept, and goes on when the time has come', async () => {
        await open();
        const browser = await scene.loggedIn();
        for (let count = 0; count < 6; count += 1) {
          browser.deleteCookie(ACCESS);
          await browser.send('GET', '/me');
        }
        expect(browser.journal.at(-1)).toBe('refresh skipped: quota_exceeded');
        const page = await browser.send('POST', REFRESH_ROUTE);
        expect(page.status).toBe(503);
        scene.passMinutes(9);
        expect((await browser.send('GET', '/me')).status).toBe(200);
      });

      it('is led here by another site: it refreshes where that is allowed, and the cookies are left out', async () => {
        await open({ trustedOrigins: ['https://friend.example'] });
        const browser = await scene.loggedIn();
        scene.passMinutes(11);
        const link = { isNavigation: true, initiator: 'https://evil.example' };
        expect((await browser.send('GET', '/me', link)).status).toBe(401);
        expect(browser.journal).toEqual(['registered']);
        const friendly = { ...link, initiator: 'https://friend.example' };
        expect((await browser.send('GET', '/me', friendly)).status).toBe(200);
        expect(browser.journal).toEqual(['registered', 'refreshed']);
        expect(await scene.row()).toMatchObject({ generation: 0 });
      });

      it('signs out: the row goes first, and the browser forgets', async () => {
        await open();
        const browser = await scene.loggedIn();
        expect((await browser.send('POST', '/auth/signout')).status).toBe(200);
        expect(await scene.rows()).toEqual([]);
        expect((await browser.send('GET', '/me')).status).toBe(401);
        expect(browser.journal).toEqual(['registered', 'ended']);
        expect(browser.boundSessions).toEqual([]);
      });

      it('signs in again: the former session is forgotten, the new one bound', async () => {
        await open();
        const browser = await scene.loggedIn();
        await browser.send('POST', '/login', { body: { userId: 'bob' } });
        expect(browser.boundSessions).toHaveLength(2);
        scene.passMinutes(11);
        expect(jsonOf(await browser.send('GET', '/me'))).toMatchObject({ userId: 'bob' });
        expect(browser.boundSessions).toHaveLength(1);
        expect(await scene.names()).not.toContain('theftDetected');
      });

      it('proves who its user is once more: the new session has as short a token, and is bound', async () => {
        await open();
        const browser = await scene.loggedIn();
        const answer = await browser.send('POST', '/step-up');
        const [token = ''] = answer.setCookies.map((line) => readSetCookie(line).value);
        const { exp, iat } = payloadOf(token);
        expect(Number(exp) - Number(iat)).toBe(600);
        expect(browser.journal).toEqual(['registered', 'registered']);
        expect((await scene.row()).deviceKey).not.toBeNull();
      });

      it('shows another user to support: that session is offered no binding', async () => {
        await open();
        const browser = await scene.loggedIn({ canBind: false });
        const answer = await browser.send('POST', '/act-as-bob');
        expect(jsonOf(answer)).toEqual({ userId: 'bob', isBound: false });
        expect(answer.headers['secure-session-registration']).toBeUndefined();
      });

      it('is logged in and out by one answer: it is offered no binding', async () => {
        await open();
        const answer = await scene.browser().send('POST', '/in-and-out');
        expect(answer.status).toBe(201);
        expect(answer.headers['secure-session-registration']).toBeUndefined();
      });

      it('registers late, after the page has refreshed', async () => {
        await open();
        const browser = await scene.loggedIn({ registersAtOnce: false });
        expect((await browser.send('POST', REFRESH_ROUTE)).status).toBe(200);
        await browser.settle();
        expect(browser.journal).toEqual(['registered']);
        scene.passMinutes(11);
        expect(jsonOf(await browser.send('GET', '/me'))).toEqual({ userId: 'ada', isBound: true });
      });

      it('calls on plain http: nothing is asked of it', async () => {
        await open();
        const browser = await scene.loggedIn({ origin: 'http://localhost:3000' });
        expect(browser.journal).toEqual([]);
        const { exp, iat } = payloadOf(browser.cookie('sAccessToken') ?? '');
        expect(Number(exp) - Number(iat)).toBe(3600);
      });
    });

    it('are shown as bound: to the application, in the list and in explain', async () => {
      await open();
      const browser = await scene.loggedIn();
      const other = await scene.loggedIn({ canBind: false });
      const removal = await other.send('DELETE', '/account');
      expect(removal.status).toBe(403);
      expect(jsonOf(removal)).toMatchObject({
        message: 'invalid claim',
        claimValidationErrors: [{ id: 'bound' }],
      });
      expect((await browser.send('DELETE', '/account')).status).toBe(200);
      const list = await scene.sessions.listSessions('ada');
      expect(list).toHaveLength(2);
      const [bound, ...more] = list.filter((each) => each.bound);
      expect(more).toEqual([]);
      expect(await scene.sessions.explain(bound?.sessionHandle ?? '')).toEqual({
        status: 'live',
        bound: true,
      });
    });

    it('stay bound when their claims change', async () => {
      await open();
      const browser = await scene.loggedIn();
      scene.passMinutes(3);
      expect(jsonOf(await browser.send('POST', '/plan'))).toMatchObject({ isBound: true });
      expect(lifeOf(browser)).toBe(7 * 60);
      scene.passMinutes(8);
      const answer = await browser.send('GET', '/me');
      expect(answer.status).toBe(200);
      expect(payloadOf(browser.cookie(ACCESS) ?? '')).toMatchObject({ plan: 'gold' });
    });

    it('answer 503 past the rate limit, never 429', async () => {
      await open({ rateLimit: { refreshes: { max: 2, per: '1m' } } });
      const { id } = await bindByHand();
      expect((await refreshByHand(id)).status).toBe(403);
      expect((await refreshByHand(id)).status).toBe(503);
    });

    it('are bound, and refreshed, where an interceptor of the application wraps all answers', async () => {
      const intercept = (_: ExecutionContext, next: CallHandler<unknown>) =>
        next.handle().pipe(map((data) => ({ data })));
      await open({}, { prepare: (app) => void app.useGlobalInterceptors({ intercept }) });
      const browser = await scene.loggedIn();
      for (const _ of ['once', 'and again']) {
        scene.passMinutes(11);
        const answer = await browser.send('GET', '/me');
        expect(jsonOf(answer)).toEqual({ data: { userId: 'ada', isBound: true } });
      }
      expect(browser.journal).toEqual(['registered', 'refreshed', 'refreshed']);
    });

    it('keep their key where a throttler, or a time limit, of the application answers', async () => {
      let refused: number | undefined;
      const isRefused = (context: ExecutionContext, status: number) =>
        status === refused && context.switchToHttp().getRequest<{ url: string }>().url === BIND;
      const canActivate = (context: ExecutionContext): boolean => {
        if (isRefused(context, 429)) throw new HttpException('Too Many Requests', 429);
        return true;
      };
      const intercept = (context: ExecutionContext, next: CallHandler) =>
        isRefused(context, 408) ? throwError(() => new RequestTimeoutException()) : next.handle();
      const prepare: NonNullable<Parameters<typeof BoundScene.open>[3]>['prepare'] = (app) => {
        app.useGlobalGuards({ canActivate });
        app.useGlobalInterceptors({ intercept });
      };
      await open({}, { prepare });
      const browser = await scene.loggedIn();
      for (const status of [429, 408]) {
        scene.passMinutes(11);
        refused = status;
        const { headers, ...answer } = await scene.send('POST', BIND);
        expect(answer).toMatchObject({ status: 503, json: { statusCode: 503 } });
        expect(headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' });
        expect((await browser.send('GET', '/me')).status).toBe(401);
        refused = undefined;
        expect((await browser.send('GET', '/me')).status).toBe(200);
      }
      const skipped = 'refresh skipped: server_error';
      const refreshed = [skipped, 'refreshed'];
      expect(browser.journal).toEqual(['registered', ...refreshed, ...refreshed]);
    });

    it('forget a session that is over, where an interceptor of the application gives errors another form', async () => {
      const inOtherForm = (error: HttpException) =>
        throwError(() => new HttpException({ error: error.message }, error.getStatus()));
      const intercept = (_: ExecutionContext, next: CallHandler<unknown>) =>
        next.handle().pipe(catchError(inOtherForm));
      await open({}, { prepare: (app) => void app.useGlobalInterceptors({ intercept }) });
      const refused = vi.fn();
      scene.booted.app.get(SessionEventBus).on('refused', refused);
      const browser = await scene.loggedIn();
      await scene.sessions.revokeAllSessionsForUser('ada');
      scene.passMinutes(11);
      await browser.send('GET', '/me');
      await browser.send('GET', '/me');
      expect(browser.journal).toEqual(['registered', 'ended']);
      expect(refused).toHaveBeenCalledWith(expect.objectContaining({ at: 'bind' }));
    });

    it('keep their key where a guard of the application asks for a session by hand', async () => {
      const prepare: NonNullable<Parameters<typeof BoundScene.open>[3]>['prepare'] = (app) => {
        const canActivate = async (context: ExecutionContext): Promise<boolean> => {
          const http = context.switchToHttp();
          if (!asksByHand) return true;
          await app.get(SessionService).getSession(http.getRequest(), http.getResponse());
          return true;
        };
        app.useGlobalGuards({ canActivate });
      };
      let asksByHand = false;
      await open({}, { prepare });
      const browser = await scene.loggedIn();
      scene.passMinutes(11);
      asksByHand = true;
      expect((await browser.send('GET', '/me')).status).toBe(401);
      asksByHand = false;
      expect((await browser.send('GET', '/me')).status).toBe(200);
      expect(browser.journal).toEqual(['registered', 'refresh skipped: server_error', 'refreshed']);
    });

    it('have a route behind the path that RouterModule gives to the module', async () => {
      const routes = [{ path: 'api', module: SessionModule }];
      await open({}, { imports: [RouterModule.register(routes)] });
      const browser = await scene.loggedIn();
      expect(offerOf(scene.loginAnswer(browser)).path).toBe('/api/auth/session/bind');
      expect(browser.journal).toEqual(['registered']);
    });

    it.each(['', '/', 'auth/'])('have a route where apiBasePath is "%s"', async (apiBasePath) => {
      await open({ apiBasePath });
      const browser = await scene.loggedIn();
      const base = apiBasePath === 'auth/' ? '/auth' : '';
      expect(offerOf(scene.loginAnswer(browser)).path).toBe(`${base}/session/bind`);
      expect(browser.journal).toEqual(['registered']);
    });

    it('have a route behind the global prefix of the application', async () => {
      await open({}, { prepare: (app) => void app.setGlobalPrefix('api/v1') });
      const browser = scene.browser();
      await browser.send('POST', '/api/v1/login', { body: { userId: 'ada' } });
      expect(browser.journal).toEqual(['registered']);
    });
  });
});

function statusesOf(answers: readonly Answer[]): number[] {
  return answers.map(({ status }) => status).toSorted((a, b) => a - b);
}

function lifeOf(browser: FakeBrowser): number {
  const { exp, iat } = payloadOf(browser.cookie(ACCESS) ?? '');
  return Number(exp) - Number(iat);
}

function keyIdOf(token: string): string {
  const [header = ''] = token.split('.');
  return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid;
}

function jsonOf({ text }: FakeBrowserAnswer): unknown {
  return JSON.parse(text);
}

function offerOf({ headers }: Pick<Answer, 'headers'>): { path: string; challenge: string } {
  const offer = String(headers['secure-session-registration']);
  const [, path = '', challenge = ''] =
    /^\(ES256\);path="(.*)";challenge="(.*)"$/.exec(offer) ?? [];
  return { path, challenge };
}

function accessTokenIn({ setCookies }: Answer): string {
  return setCookies.map(readSetCookie).find(({ name }) => name === ACCESS)?.value ?? '';
}

function challengeOf({ headers }: Pick<Answer, 'headers'>, id?: string): string {
  const header = String(headers['secure-session-challenge']);
  const [, challenge = '', named] = /^"(.*)";id="(.*)"$/.exec(header) ?? [];
  if (id !== undefined && named !== id) throw new Error(`a challenge of ${named}`);
  return challenge;
}
