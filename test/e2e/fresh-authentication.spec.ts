import { Body, Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  CreateSession,
  CurrentSession,
  RequireFresh,
  Session,
  SessionService,
  UserRoleClaim,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { expectTokensUntouched } from '../support/refusal.js';
import { frontTokenOf, holderOf, payloadOf } from '../support/scene.js';

const MINUTE_MS = 60_000;
let roles = ['user'];
const secondFactor = new BooleanClaim({ key: '2fa', fetchValue: () => false });
const role = new UserRoleClaim({ fetchValue: () => roles });

@Controller()
class FreshController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  @CreateSession<{ userId: string; persistent?: boolean }>({
    userId: ({ userId }) => userId,
    tenantId: 'acme',
    accessTokenPayload: () => ({ plan: 'gold' }),
    sessionDataInDatabase: () => ({ cart: [1] }),
    persistent: ({ persistent }) => persistent ?? true,
  })
  login(@Body() body: { userId: string; persistent?: boolean }): object {
    return body;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession('auth_time') authTime: number): object {
    return { authTime };
  }

  @Post('second-factor')
  @VerifySession()
  async prove(@CurrentSession() session: SessionContainer): Promise<void> {
    await session.setClaimValue(secondFactor, true);
  }

  @Get('fresh')
  @RequireFresh('10m')
  fresh(): object {
    return {};
  }

  @Get('fresh-admin')
  @VerifySession({ roles: ['admin'] })
  @RequireFresh(600)
  admin(): object {
    return {};
  }

  @Post('again')
  async again(
    @Body() { userId }: { userId: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    const session = await this.sessions.reauthenticate(request, response, userId);
    return {
      handle: session.getHandle(),
      tenant: session.getTenantId(),
      plan: session.getAccessTokenPayload()['plan'],
      secondFactor: session.getClaimValue(secondFactor),
      data: await session.getSessionDataFromDatabase(),
    };
  }
}

describe.each(platforms)('how long ago a user has proven who they are, on %s', (platform) => {
  let booted: BootedApp;
  let client: HttpClient;

  beforeEach(async () => {
    roles = ['user'];
    booted = await bootApp({
      platform,
      controllers: [FreshController],
      sessions: { claims: [secondFactor, role] },
    });
    client = booted.client();
    await client.post('/login', { userId: 'bob' });
  });
  afterEach(() => booted.close());

  const nowSeconds = () => booted.clock.now() / 1000;
  const handle = async () =>
    String(payloadOf(String(await client.cookie('sAccessToken')))['sessionHandle']);
  const expired = (ageInSeconds: number) => ({
    id: 'auth_time',
    reason: { message: 'expired', ageInSeconds, maxAgeInSeconds: 600 },
  });

  it('stays the same over ten refreshes', async () => {
    const authTime = nowSeconds();
    for (let count = 0; count < 10; count += 1) {
      booted.clock.advanceMs(MINUTE_MS);
      expect((await client.post('/auth/session/refresh')).status).toBe(200);
      expect((await client.get('/me')).json).toEqual({ authTime });
    }
  });

  it('is kept from the page and no login can set it', async () => {
    const answer = await client.post('/login', { userId: 'bob' });
    expect(frontTokenOf(answer).up).not.toHaveProperty('auth_time');
    const sessions = booted.app.get(SessionService);
    const forged = { auth_time: nowSeconds() + 1_000 };
    await expect(
      sessions.createNewSessionWithoutRequestResponse('acme', 'bob', forged),
    ).rejects.toThrow('auth_time');
    await expect(sessions.mergeIntoAccessTokenPayload(await handle(), forged)).rejects.toThrow(
      'auth_time',
    );
  });

  it('lets pass up to the age that the route allows, and then answers 403', async () => {
    booted.clock.advanceMs(10 * MINUTE_MS);
    expect((await client.get('/fresh')).status).toBe(200);
    booted.clock.advanceMs(500);
    const answer = await client.get('/fresh');
    expect(answer.status).toBe(403);
    expect(answer.json).toEqual({
      statusCode: 403,
      code: 'INVALID_CLAIMS',
      message: 'invalid claim',
      claimValidationErrors: [expired(600.5)],
    });
    expectTokensUntouched(answer);
    expect((await client.get('/me')).status).toBe(200);
  });

  it('is unknown where it is more than a minute ahead, after a clock has gone back', async () => {
    booted.clock.advanceMs(-MINUTE_MS);
    expect((await client.get('/fresh')).status).toBe(200);
    booted.clock.advanceMs(-500);
    await client.post('/auth/session/refresh');
    const answer = await client.get('/fresh');
    expect([answer.status, answer.json]).toMatchObject([
      403,
      { claimValidationErrors: [expired(-60.5)] },
    ]);
  });

  it('is asked for beside roles', async () => {
    booted.clock.advanceMs(20 * MINUTE_MS);
    const { json } = await client.get('/fresh-admin');
    expect(json).toMatchObject({ claimValidationErrors: [{ id: 'st-role' }, expired(1_200)] });
  });

  it('is now after the user has proven it again, with new tokens and all that the session held', async () => {
    await client.post('/second-factor');
    roles = ['user', 'admin'];
    const old = await handle();
    const spent = {
      access: await client.cookie('sAccessToken'),
      refresh: await client.cookie('sRefreshToken'),
    };
    booted.clock.advanceMs(20 * MINUTE_MS);
    const answer = await client.post('/again', { userId: 'bob' });
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({
      handle: expect.not.stringMatching(old) as unknown,
      tenant: 'acme',
      plan: 'gold',
      secondFactor: true,
      data: { cart: [1] },
    });
    expect(answer.setCookies).toHaveLength(2);
    expect((await client.get('/me')).json).toEqual({ authTime: nowSeconds() });
    expect((await client.get('/fresh')).status).toBe(200);
    expect(await booted.dataSource.getRepository(Session).count()).toBe(1);
    expect(await booted.app.get(SessionService).explain(old)).toEqual({
      status: 'ended',
      reason: 'reauthenticated',
      at: booted.clock.now(),
      detail: null,
    });
    for (const [method, path, cookie, status] of [
      ['GET', '/me', `sAccessToken=${spent.access}`, 401],
      ['POST', '/auth/session/refresh', `sRefreshToken=${spent.refresh}`, 503],
    ] as const) {
      const refused = await booted.client().send(method, path, { headers: { cookie } });
      expect(refused.status).toBe(status);
    }
  });

  it('stays as it is where it is another user who has proven it', async () => {
    booted.clock.advanceMs(20 * MINUTE_MS);
    const answer = await client.post('/again', { userId: 'eve' });
    expect(answer.status).toBe(401);
    expectTokensUntouched(answer);
    expect((await client.get('/fresh')).status).toBe(403);
    expect((await client.get('/me')).status).toBe(200);
  });

  it('cannot be renewed without a session, nor with one that has ended', async () => {
    expect((await booted.client().post('/again', { userId: 'bob' })).status).toBe(401);
    await booted.app.get(SessionService).revokeSession(await handle());
    expect((await client.post('/again', { userId: 'bob' })).status).toBe(401);
    expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
  });

  it('keeps cookies that end with the browser as they are', async () => {
    await client.post('/login', { userId: 'bob', persistent: false });
    const { setCookies } = await client.post('/again', { userId: 'bob' });
    expect(setCookies.filter((line) => /Expires|Max-Age/.test(line))).toEqual([]);
  });

  it('is renewed by header for a client that sends its token so', async () => {
    const login = await booted
      .client()
      .post('/login', { userId: 'bob' }, { headers: { 'st-auth-mode': 'header' } });
    const headers = { authorization: `Bearer ${holderOf(login).access}` };
    const answer = await booted.client().post('/again', { userId: 'bob' }, { headers });
    expect(answer.setCookies).toEqual([]);
    const { access, refresh } = holderOf(answer);
    const send = (method: string, path: string, token: string) =>
      booted.client().send(method, path, { headers: { authorization: `Bearer ${token}` } });
    expect((await send('GET', '/fresh', access)).status).toBe(200);
    expect((await send('POST', '/auth/session/refresh', refresh)).status).toBe(200);
  });
});

describe('@RequireFresh', () => {
  it.each(['soon', -1, Number.NaN, '10', ''])('refuses %s when the class is loaded', (age) => {
    expect(() => RequireFresh(age as never)).toThrow(TypeError);
  });
});
