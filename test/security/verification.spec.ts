import { createPublicKey } from 'node:crypto';
import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, SessionService, VerifySession } from '../../lib/index.js';
import type { SessionContainer } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { QueryCounter } from '../support/query-counter.js';
import { encodePart, signRawByHmac, withSignature } from '../support/raw-jwt.js';
import { expectEachRefused, expectRefused, TRY_REFRESH, UNAUTHORISED } from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  payloadOf,
  refreshCookie,
  Scene,
  type Holder,
} from '../support/scene.js';
import { TokenOracle } from '../support/token-oracle.js';

@Controller()
class ClaimsController {
  constructor(private readonly sessions: SessionService) {}

  @Get('grab')
  @VerifySession()
  grab(@CurrentSession() session: SessionContainer): object {
    const payload = session.getAccessTokenPayload() as Record<string, unknown>;
    try {
      payload['role'] = 'admin';
    } catch {
      // A frozen object says no; what counts is what the next request sees.
    }
    return { role: payload['role'] ?? null };
  }

  @Get('jwt')
  async jwt(): Promise<object> {
    return this.sessions.createJWT({ sub: 'u1', tId: 'public' });
  }
}

describe.each(platforms)('an access token on %s', (platform) => {
  const counter = new QueryCounter();
  let scene: Scene;
  let holder: Holder;
  let oracle: TokenOracle;
  beforeAll(async () => {
    const database = { type: 'better-sqlite3', database: ':memory:', logging: true } as const;
    scene = await Scene.open({
      platform,
      controllers: [ClaimsController],
      database: { ...database, logger: counter },
    });
    holder = await scene.login('u1');
    oracle = await TokenOracle.of(scene);
  });
  afterAll(() => scene.close());

  const asCookie = (token: string) => () => scene.get('/me', accessCookie(token));

  it('V1: with its signature, its algorithm or its key changed reaches no handler', async () => {
    const { privateKey, kid } = oracle;
    const publicKey = createPublicKey(privateKey);
    const claims = payloadOf(holder.access);
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
      '',
    ];
    const none = ['none', 'NONE', 'nOnE', '', [], 5, null].map((alg) =>
      withSignature({ ...oracle.header, alg }, claims, ''),
    );
    const byHmac = secrets.map((secret) =>
      signRawByHmac({ ...oracle.header, alg: 'HS256', kid }, claims, secret),
    );
    const tokens = [...none, ...byHmac];
    await expectEachRefused(scene, tokens.map(asCookie), TRY_REFRESH);
  });

  it('V2: with a key id that is none of ours is refused, and costs no query of a session', async () => {
    const kids = [
      '__proto__',
      'constructor',
      '../../x',
      "' OR 1=1--",
      '%00',
      '',
      [],
      {},
      undefined,
    ];
    const tokens = kids.map((kid) => oracle.withHeader(holder.access, { kid }));
    await scene.settle();
    counter.reset();
    for (const token of tokens) expect((await asCookie(token)()).status).toBe(401);
    expect(counter.count('auth_session')).toBe(0);
    await expectEachRefused(scene, tokens.map(asCookie), TRY_REFRESH);
  });

  it('V3: with a header that asks for more than we know is refused, though our key signed it', async () => {
    const extras = [
      { crit: ['x'] },
      { b64: false },
      { zip: 'DEF' },
      { jku: 'https://evil.example' },
      { jwk: createPublicKey(oracle.privateKey).export({ format: 'jwk' }) },
      { x5u: 'https://evil.example' },
      { enc: 'A256GCM' },
    ];
    const tokens = extras.map((extra) => oracle.withHeader(holder.access, extra));
    await expectEachRefused(scene, tokens.map(asCookie), TRY_REFRESH);
  });

  it('V4: is the only thing that passes for one: no refresh token, no anti-CSRF token, no other JWT of ours', async () => {
    const { jwt } = (await scene.get('/jwt')).json as { jwt: string };
    const others = [holder.refresh, 'AAAA', jwt, oracle.withHeader(holder.access, { typ: 'JWT' })];
    await expectEachRefused(scene, others.map(asCookie), TRY_REFRESH);
    await expectRefused(scene, () => scene.refresh(refreshCookie(holder.access)), UNAUTHORISED);
  });

  it('V5: with times that are missing, of another type or out of range is refused', async () => {
    const now = Math.floor(scene.booted.clock.now() / 1000);
    const wrong = [undefined, String(now + 60), null, 1e300, -1, 2 ** 53, now + 60.5, Number.NaN];
    const tokens = wrong.map((exp) => oracle.withClaims(holder.access, { exp }));
    tokens.push(oracle.withClaims(holder.access, { iat: now + 3600, exp: now + 7200 }));
    tokens.push(oracle.withClaims(holder.access, { iat: undefined }));
    await expectEachRefused(scene, tokens.map(asCookie), TRY_REFRESH);
  });

  it('V6: may come from a clock that is a minute ahead, and from no other', async () => {
    const iat = Math.floor(scene.booted.clock.now() / 1000);
    const ahead = oracle.withClaims(holder.access, { iat: iat + 60, exp: iat + 3600 });
    expect((await asCookie(ahead)()).status).toBe(200);
    const tooFar = oracle.withClaims(holder.access, { iat: iat + 61, exp: iat + 3600 });
    await expectRefused(scene, asCookie(tooFar), TRY_REFRESH);
  });

  it.each(['sub', 'tId', 'sessionHandle', 'iss', 'aud'])(
    'V7: with a %s that is not what it has to be is refused',
    async (claim) => {
      const wrong = [[], {}, 5, '', null];
      const tokens = wrong.map((value) => oracle.withClaims(holder.access, { [claim]: value }));
      if (claim === 'aud') tokens.push(oracle.withClaims(holder.access, { aud: 'somebody' }));
      await expectEachRefused(scene, tokens.map(asCookie), TRY_REFRESH);
    },
  );

  it('V8: with a payload that is not an object is refused', async () => {
    const payloads = ['null', '"x"', '[1]', '1', '', 'no JSON', { sub: {} }];
    const tokens = payloads.map((payload) => oracle.sign(oracle.header, payload));
    await expectEachRefused(
      scene,
      tokens.map((token) => asCookie(token)),
      TRY_REFRESH,
    );
  });

  it('V9: is refused by the same bytes, whatever the verification makes of it', async () => {
    const header = encodePart(oracle.header);
    const [, payload] = holder.access.split('.');
    const bad = [
      `${header}.eA.AAAA`,
      `${header}.${encodePart('null')}.AAAA`,
      `${header}.${payload}.AAAA`,
      `${header}.${payload}.${'A'.repeat(86)}`,
      `${header}.${payload}.${'_'.repeat(86)}`,
      oracle.withHeader(holder.access, { kid: 'd-AAAAAAAAAAAAAAAA' }),
      oracle.withClaims(holder.access, { iat: 1, exp: 2 }),
    ];
    const answers = await Promise.all(bad.map((token) => asCookie(token)()));
    const told = answers.map(({ status, text, headers }) => {
      const { date, ...others } = headers;
      expect(date).toBeDefined();
      return JSON.stringify({ status, text, others });
    });
    expect(new Set(told).size).toBe(1);
    expect(answers[0]?.status).toBe(401);
  });

  it('V10: that is too long is refused before anything is read of it', async () => {
    const long = oracle.withClaims(holder.access, { padding: 'x'.repeat(6200) });
    expect(long.length).toBeGreaterThan(8192);
    await expectRefused(scene, asCookie(long), TRY_REFRESH);
  });

  it('V11: has one spelling of its signature, and every other is refused', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const stem = holder.access.slice(0, -1);
    const answers = await Promise.all(Array.from(alphabet).map((last) => asCookie(stem + last)()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('V12: that has been accepted is judged again at each use', async () => {
    const remembered = await scene.login('remembered');
    expect((await asCookie(remembered.access)()).status).toBe(200);
    expect((await scene.get('/grab', accessCookie(remembered.access))).status).toBe(200);
    const sessions = scene.booted.app.get(SessionService);
    await sessions.revokeSession(remembered.handle);
    await expectRefused(scene, asCookie(remembered.access), TRY_REFRESH);
  });

  it('V12: keeps what it says, whatever a handler does to it', async () => {
    for (let time = 0; time < 2; time += 1) {
      const answer = await scene.get('/grab', accessCookie(holder.access));
      expect(answer.json).toEqual({ role: null });
    }
  });

  it('V13: cannot be given claims that reach a prototype', async () => {
    const sessions = scene.booted.app.get(SessionService);
    for (const text of [
      '{"__proto__":{"role":"admin"}}',
      '{"a":{"constructor":{"prototype":{"role":"admin"}}}}',
      '{"a":{"b":{"prototype":1}}}',
    ]) {
      const update = JSON.parse(text) as object;
      await expect(sessions.mergeIntoAccessTokenPayload(holder.handle, update)).rejects.toThrow(
        'accessTokenPayload',
      );
      await expect(sessions.updateSessionDataInDatabase(holder.handle, update)).rejects.toThrow(
        'sessionDataInDatabase',
      );
      await expect(
        sessions.createNewSessionWithoutRequestResponse('public', 'u', update),
      ).rejects.toThrow('accessTokenPayload');
    }
    expect(({} as { role?: string }).role).toBeUndefined();
  });

  it('V15: in the header is the one that counts, once a key of ours has made it, and no query or body is read for one', async () => {
    const other = await scene.login('u2');
    const both = (token: string) => ({ ...accessCookie(holder.access), ...bearer(token) });
    expect((await scene.get('/me', both(other.access))).json).toEqual({ userId: 'u2' });
    const forged = `${other.access.slice(0, -4)}AAAA`;
    expect((await scene.get('/me', both(forged))).json).toEqual({ userId: holder.userId });
    await expectRefused(scene, () => scene.get('/me', bearer(forged)), TRY_REFRESH);
    expect((await scene.get('/me', { authorization: `bearer ${other.access}` })).status).toBe(200);
    for (const authorization of [
      `Bearer ${other.access}, Bearer ${holder.access}`,
      `Basic ${other.access}`,
    ]) {
      await expectRefused(scene, () => scene.get('/me', { authorization }), UNAUTHORISED);
    }
    const query = `/me?access_token=${other.access}&sAccessToken=${other.access}`;
    await expectRefused(scene, () => scene.get(query), UNAUTHORISED);
  });

  it('V16: of ours that is bad makes no guest of its bearer where a session is optional', async () => {
    const bad = [
      oracle.withClaims(holder.access, { iat: 1, exp: 2 }),
      oracle.withHeader(holder.access, { kid: 'd-AAAAAAAAAAAAAAAA' }),
    ];
    await expectEachRefused(
      scene,
      bad.map((token) => () => scene.get('/optional', accessCookie(token))),
      TRY_REFRESH,
    );
    const strangers = [`${holder.access.slice(0, -4)}AAAA`, 'x', ''];
    for (const headers of [{}, ...strangers.map(accessCookie)]) {
      const guest = await scene.get('/optional', headers);
      expect([guest.status, guest.json]).toEqual([200, { userId: null }]);
    }
  });

  it('V14: with an anti-CSRF value of any length answers, and never by 500', async () => {
    const tokenScene = await Scene.open({ platform, sessions: { antiCsrf: 'VIA_TOKEN' } });
    try {
      const { access, refresh, antiCsrf = '' } = await tokenScene.login('u1');
      const values = ['', 'x', antiCsrf.slice(1), `${antiCsrf}x`, 'é'.repeat(43), 'x'.repeat(300)];
      for (const value of values) {
        const headers = { ...bothCookies({ access, refresh }), 'anti-csrf': value };
        expect((await tokenScene.post('/act', headers)).status).toBe(401);
        expect((await tokenScene.refresh(headers)).status).toBe(401);
        expect((await tokenScene.post('/auth/signout', headers)).status).toBe(401);
      }
      const right = { ...accessCookie(access), 'anti-csrf': antiCsrf };
      expect((await tokenScene.post('/act', right)).json).toEqual({ userId: 'u1' });
    } finally {
      await tokenScene.close();
    }
  });
});
