import { Body, Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';

@Controller()
class AppController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  @CreateSession()
  login(@Body() body: { userId: string }): string {
    return body.userId;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId(), tenant: session.getTenantId() };
  }

  @Post('merge')
  @VerifySession()
  async merge(@CurrentSession() session: SessionContainer): Promise<object> {
    await session.mergeIntoAccessTokenPayload({ plan: 'gold' });
    return session.getAccessTokenPayload();
  }

  @Post('manual')
  async manual(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    const session = await this.sessions.getSession(request, response);
    return { userId: session.getUserId() };
  }
}

describe.each(platforms)('the life of a session on %s', (platform) => {
  let booted: BootedApp;
  beforeAll(async () => {
    booted = await bootApp({ platform, controllers: [AppController] });
  });
  afterAll(() => booted.close());

  it('goes from login over refreshes to sign-out', async () => {
    const client = booted.client();
    expect((await client.get('/me')).json).toEqual({
      statusCode: 401,
      code: 'UNAUTHORISED',
      message: 'unauthorised',
    });
    await client.post('/login', { userId: 'u1' });
    expect((await client.get('/me')).json).toEqual({ userId: 'u1', tenant: 'public' });
    expect((await client.post('/manual')).json).toEqual({ userId: 'u1' });
    booted.clock.advanceMs(3_601_000);
    const expired = await client.get('/me');
    expect(expired.status).toBe(401);
    expect(expired.json).toEqual({
      statusCode: 401,
      code: 'TRY_REFRESH_TOKEN',
      message: 'try refresh token',
    });
    expect(expired.setCookies).toEqual([]);
    const spent = await client.cookie('sRefreshToken');
    const refreshed = await client.post('/auth/session/refresh');
    expect(refreshed.status).toBe(200);
    expect(refreshed.json).toEqual({});
    expect(await client.cookie('sRefreshToken')).not.toBe(spent);
    expect((await client.get('/me')).status).toBe(200);
    expect((await client.post('/merge')).json).toMatchObject({ plan: 'gold' });
    const out = await client.post('/auth/signout');
    expect(out.json).toEqual({ status: 'OK' });
    expect(await client.cookie('sAccessToken')).toBeUndefined();
    expect((await client.get('/me')).status).toBe(401);
    expect((await client.post('/auth/session/refresh')).status).toBe(401);
  });

  it('ends when a spent refresh token comes back', async () => {
    const client = booted.client();
    await client.post('/login', { userId: 'u2' });
    const first = await client.cookie('sRefreshToken');
    await client.post('/auth/session/refresh');
    await client.get('/me');
    await new Promise((resolve) => setTimeout(resolve, 100));
    booted.clock.advanceMs(31_000);
    const answer = await booted
      .client()
      .post('/auth/session/refresh', undefined, { headers: { cookie: `sRefreshToken=${first}` } });
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({
      statusCode: 401,
      code: 'TOKEN_THEFT_DETECTED',
      message: 'token theft detected',
    });
    expect((await client.get('/me')).json).toEqual({
      statusCode: 401,
      code: 'TRY_REFRESH_TOKEN',
      message: 'try refresh token',
    });
  });

  it('publishes its keys', async () => {
    const answer = await booted.client().get('/auth/jwt/jwks.json');
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect((await booted.client().get('/auth/.well-known/openid-configuration')).status).toBe(404);
  });
});
