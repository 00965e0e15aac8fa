import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { accessCookie, payloadOf, refreshCookie, Scene, type Holder } from '../support/scene.js';

/** What Express' and Fastify's responses share. */
interface Response {
  send(body: string): unknown;
}

/** Answers at once, and goes on working for the user. */
@Controller()
class EagerController {
  /** What the work after the answer came to. */
  outcome: Promise<unknown> = Promise.resolve();

  constructor(private readonly sessions: SessionService) {}

  @Get('merge')
  @VerifySession()
  merge(@CurrentSession() session: SessionContainer, @Res() response: Response): void {
    response.send('sent');
    this.outcome = session
      .mergeIntoAccessTokenPayload({ plan: 'gold' })
      .then(() => session.getAccessTokenPayload()['plan']);
  }

  @Get('revoke')
  @VerifySession()
  revoke(@CurrentSession() session: SessionContainer, @Res() response: Response): void {
    response.send('sent');
    this.outcome = session.revokeSession();
  }

  @Get('verify')
  verify(@Req() request: object, @Res() response: Response): void {
    response.send('sent');
    this.outcome = this.sessions
      .getSession(request, response, { checkDatabase: true })
      .then((session) => session?.getUserId());
  }

  @Post('refresh')
  refresh(@Req() request: object, @Res() response: Response): void {
    response.send('sent');
    this.outcome = this.sessions.refreshSession(request, response).catch((error: unknown) => error);
  }

  @Post('late-login')
  login(@Req() request: object, @Res() response: Response): void {
    response.send('sent');
    this.outcome = this.sessions
      .createNewSession(request, response, 'public', 'u2')
      .catch((error: unknown) => error);
  }
}

describe.each(platforms)('on %s, after the response has been sent,', (platform) => {
  let scene: Scene;
  let holder: Holder;
  beforeEach(async () => {
    scene = await Scene.open({ platform, controllers: [EagerController] });
    holder = await scene.login('u1');
  });
  afterEach(() => scene.close());

  /** What the handler's work came to, once its client has the answer, in which nothing of a session stands. */
  async function outcomeOf(method: string, path: string, headers: Record<string, string>) {
    const answer = await scene.send(method, path, headers);
    expect([answer.text, answer.setCookies, answer.headers['front-token']]).toEqual([
      'sent',
      [],
      undefined,
    ]);
    return scene.booted.app.get(EagerController).outcome;
  }

  it('claims are merged all the same, and the next refresh brings them', async () => {
    expect(await outcomeOf('GET', '/merge', accessCookie(holder.access))).toBe('gold');
    const answer = await scene.refresh(refreshCookie(holder.refresh));
    const access = answer.setCookies.find((line) => line.includes('sAccessToken='));
    expect(payloadOf(access ?? '')['plan']).toBe('gold');
  });

  it('a session is ended all the same', async () => {
    expect(await outcomeOf('GET', '/revoke', accessCookie(holder.access))).toBeUndefined();
    expect((await scene.get('/me', accessCookie(holder.access))).status).toBe(401);
    expect((await scene.refresh(refreshCookie(holder.refresh))).status).toBe(401);
  });

  it('a session is verified all the same, also where its claims have changed', async () => {
    await scene.booted.app
      .get(SessionService)
      .mergeIntoAccessTokenPayload(holder.handle, { plan: 'gold' });
    expect(await outcomeOf('GET', '/verify', accessCookie(holder.access))).toBe('u1');
  });

  it.each([
    ['a refresh', '/refresh'],
    ['a login', '/late-login'],
  ])('%s says so, and changes nothing', async (_, path) => {
    const rows = await scene.rows();
    const error = await outcomeOf('POST', path, refreshCookie(holder.refresh));
    expect(String(error)).toContain('the response has already been sent');
    expect(await scene.rows()).toEqual(rows);
  });
});
