import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService, type AntiCsrfMode, type SessionContainer } from '../../lib/index.js';
import { expectNothingChanged } from '../support/refusal.js';
import { Scene } from '../support/scene.js';

describe('a session without request and response', () => {
  let scene: Scene;
  let sessions: SessionService;
  beforeAll(async () => {
    scene = await Scene.open();
    sessions = scene.booted.app.get(SessionService);
  });
  afterAll(() => scene.close());

  const tokensOf = (session: SessionContainer) => session.getAllSessionTokensDangerously();
  const created = async (userId: string) =>
    tokensOf(await sessions.createNewSessionWithoutRequestResponse('t1', userId, { plan: 'gold' }));

  it('is created with all its tokens, for the caller to send', async () => {
    const tokens = await created('u1');
    expect(tokens).toEqual({
      accessAndFrontTokenUpdated: true,
      accessToken: expect.stringMatching(/^eyJ/),
      frontToken: expect.stringMatching(/^[\w+/]+=*$/),
      refreshToken: expect.stringMatching(/^nasr_/),
    });
  });

  it('is verified by its access token', async () => {
    const { accessToken, frontToken } = await created('u2');
    const session = await sessions.getSessionWithoutRequestResponse(accessToken);
    expect([session.getUserId(), session.getTenantId()]).toEqual(['u2', 't1']);
    expect(session.getAccessTokenPayload()).toMatchObject({ plan: 'gold' });
    expect(tokensOf(session)).toEqual({
      accessAndFrontTokenUpdated: false,
      accessToken,
      frontToken,
    });
  });

  it.each(['', 'garbage', 'a.b.c', 'x'.repeat(10_000)])(
    'is "unauthorised" for a text that is no token, and clears nothing',
    async (text) => {
      await expectNothingChanged(scene, async () => {
        const verify = sessions.getSessionWithoutRequestResponse(text);
        await expect(verify).rejects.toMatchObject({ code: 'UNAUTHORISED', clearTokens: false });
        const options = { sessionRequired: false };
        const optional = sessions.getSessionWithoutRequestResponse(text, undefined, options);
        expect(await optional).toBeUndefined();
      });
    },
  );

  it('is "try refresh token" for a token that no key of ours made, and nobody where none is required', async () => {
    const { accessToken } = await created('u3');
    const forged = `${accessToken.slice(0, -5)}AAAAA`;
    const required = sessions.getSessionWithoutRequestResponse(forged);
    await expect(required).rejects.toMatchObject({
      code: 'TRY_REFRESH_TOKEN',
      clearTokens: false,
    });
    const options = { sessionRequired: false };
    const optional = sessions.getSessionWithoutRequestResponse(forged, undefined, options);
    expect(await optional).toBeUndefined();
  });

  it('is "try refresh token" for a token of ours that does not serve, also where none is required', async () => {
    const { accessToken } = await created('u3');
    const header = { alg: 'ES256', kid: `d-${'A'.repeat(16)}`, typ: 'at+jwt', version: '5' };
    const named = Buffer.from(JSON.stringify(header)).toString('base64url');
    const ofUnknownKey = accessToken.replace(/^[^.]+/, named);
    await scene.advance(3_600_000);
    for (const token of [ofUnknownKey, accessToken]) {
      for (const sessionRequired of [true, false]) {
        const options = { sessionRequired };
        await expect(
          sessions.getSessionWithoutRequestResponse(token, undefined, options),
        ).rejects.toMatchObject({ code: 'TRY_REFRESH_TOKEN', clearTokens: false });
      }
    }
  });

  it('is read from the database where that is asked for', async () => {
    const { accessToken } = await created('u4');
    const session = await sessions.getSessionWithoutRequestResponse(accessToken);
    await sessions.mergeIntoAccessTokenPayload(session.getHandle(), { plan: 'silver' });
    const options = { checkDatabase: true };
    const checked = await sessions.getSessionWithoutRequestResponse(
      accessToken,
      undefined,
      options,
    );
    expect(checked.getAccessTokenPayload()).toMatchObject({ plan: 'silver' });
    expect(tokensOf(checked).accessAndFrontTokenUpdated).toBe(true);
  });

  it('is refreshed by its refresh token', async () => {
    const { refreshToken = '' } = await created('u5');
    const next = await sessions.refreshSessionWithoutRequestResponse(refreshToken);
    expect(tokensOf(next).refreshToken).not.toBe(refreshToken);
    expect(tokensOf(next).accessAndFrontTokenUpdated).toBe(true);
    expect(next.getUserId()).toBe('u5');
  });

  it.each(['', 'garbage', `nasr_${'A'.repeat(151)}`])(
    'is refused for a text that is no refresh token, and nothing changes',
    async (text) => {
      await expectNothingChanged(scene, async () => {
        const refresh = sessions.refreshSessionWithoutRequestResponse(text);
        await expect(refresh).rejects.toMatchObject({ code: 'UNAUTHORISED', clearTokens: false });
      });
    },
  );

  it('is revoked when a spent refresh token comes back', async () => {
    const { refreshToken = '' } = await created('u6');
    const second = await sessions.refreshSessionWithoutRequestResponse(refreshToken);
    await sessions.getSessionWithoutRequestResponse(second.getAccessToken());
    await scene.settle();
    await scene.advance(30_000);
    const replay = sessions.refreshSessionWithoutRequestResponse(refreshToken);
    const sessionHandle = second.getHandle();
    await expect(replay).rejects.toMatchObject({
      code: 'TOKEN_THEFT_DETECTED',
      sessionHandle,
      userId: 'u6',
    });
    expect(await sessions.getSessionInformation(sessionHandle)).toBeUndefined();
  });
});

describe.each<[AntiCsrfMode, boolean]>([
  ['VIA_TOKEN', true],
  ['VIA_CUSTOM_HEADER', false],
  ['VIA_FETCH_METADATA', false],
])('anti-CSRF %s without request and response', (antiCsrf, hasToken) => {
  let scene: Scene;
  let sessions: SessionService;
  beforeAll(async () => {
    scene = await Scene.open({ sessions: { antiCsrf } });
    sessions = scene.booted.app.get(SessionService);
  });
  afterAll(() => scene.close());

  it(`gives ${hasToken ? 'a token' : 'no token'}, and none where it is disabled`, async () => {
    const create = (disabled: boolean) =>
      sessions.createNewSessionWithoutRequestResponse('public', 'u1', {}, {}, disabled);
    const tokens = (await create(false)).getAllSessionTokensDangerously();
    expect('antiCsrfToken' in tokens).toBe(hasToken);
    expect((await create(true)).getAllSessionTokensDangerously()).not.toHaveProperty(
      'antiCsrfToken',
    );
  });

  it(`${hasToken ? 'asks' : 'does not ask'} for it where it is not disabled`, async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u2');
    const {
      accessToken,
      refreshToken = '',
      antiCsrfToken,
    } = session.getAllSessionTokensDangerously();
    const attempts = [
      () => sessions.getSessionWithoutRequestResponse(accessToken),
      () => sessions.getSessionWithoutRequestResponse(accessToken, 'wrong'),
      () => sessions.refreshSessionWithoutRequestResponse(refreshToken, false, 'wrong'),
      () => sessions.getSessionWithoutRequestResponse(accessToken, antiCsrfToken),
      () =>
        sessions.getSessionWithoutRequestResponse(accessToken, undefined, { antiCsrfCheck: false }),
      () => sessions.refreshSessionWithoutRequestResponse(refreshToken, false, antiCsrfToken),
      () => sessions.refreshSessionWithoutRequestResponse(refreshToken, true),
    ];
    const outcomes: unknown[] = [];
    for (const attempt of attempts) {
      outcomes.push(
        await attempt().then(
          () => 'OK',
          (error: unknown) => (error as { code: string }).code,
        ),
      );
    }
    // Differs from SuperTokens, where VIA_CUSTOM_HEADER is a generic error without a request.
    const refused = ['TRY_REFRESH_TOKEN', 'TRY_REFRESH_TOKEN', 'UNAUTHORISED'];
    expect(outcomes.slice(0, 3)).toEqual(hasToken ? refused : ['OK', 'OK', 'OK']);
    expect(outcomes.slice(3)).toEqual(['OK', 'OK', 'OK', 'OK']);
  });
});
