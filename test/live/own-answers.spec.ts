import { Readable, type Writable } from 'node:stream';
import { Body, Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { LoginController } from '../support/login.controller.js';

type OwnAnswer = Writable & { send?: (stream: Readable) => void };

@Controller()
@VerifySession()
class OwnAnswerController {
  constructor(private readonly sessions: SessionService) {}

  @Get('me')
  me(@CurrentSession('sub') userId: string): object {
    return { userId };
  }

  @Post('act')
  async act(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    const how = { userId: 'ada', reason: 'ticket 7', lifetime: '1h' } as const;
    await this.sessions.impersonate(request, response, how);
  }

  @Post('own')
  async own(
    @CurrentSession() session: SessionContainer,
    @Body() { way }: { way: string },
    @Req() request: object,
    @Res() response: OwnAnswer,
  ): Promise<void> {
    await this.change(way, session, request, response);
    const text = Readable.from(['first ', 'second']);
    if (response.send === undefined || 'writeHead' in response) text.pipe(response);
    else response.send(text);
  }

  private async change(way: string, session: SessionContainer, request: object, response: object) {
    const login = (userId: string) =>
      this.sessions.createNewSession(request, response, 'public', userId);
    switch (way) {
      case 'confirmed again':
        return this.sessions.reauthenticate(request, response, session.getUserId());
      case 'back as oneself':
        return this.sessions.endImpersonation(request, response);
      case 'logged in again':
        return login(session.getUserId());
      case 'logged in after all sessions were ended':
        await this.sessions.revokeAllSessionsForUser(session.getUserId());
        return login(session.getUserId());
      case 'logged in beside, and the first session was ended':
        await login('eve');
        return this.sessions.revokeSession(session.getHandle());
      default:
        return session.revokeSession();
    }
  }
}

describe.each(platforms)('a handler that writes its answer itself, on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  it.each([
    ['confirmed again', {}],
    ['back as oneself', {}],
    ['logged in again', {}],
    ['logged in again', { revokePreviousSession: false, maxSessionsPerUser: 1 }],
    ['logged in after all sessions were ended', {}],
  ])(
    'brings the tokens of the session that its user goes on with: %s, %j',
    async (way, options) => {
      booted = await bootApp({
        platform,
        controllers: [LoginController, OwnAnswerController],
        sessions: options,
      });
      const client = booted.client();
      await client.post('/login', { userId: 'sam' });
      if (way === 'back as oneself') await client.post('/act');
      booted.clock.advance('1m');
      const answer = await client.post('/own', { way });
      expect([answer.status, answer.text]).toEqual([201, 'first second']);
      expect((await client.get('/me')).json).toEqual({ userId: 'sam' });
      expect((await client.post('/auth/session/refresh')).status).toBe(200);
    },
  );

  it('is cut off by the end of a session beside which it has logged in', async () => {
    const sessions = { revokePreviousSession: false, maxSessionsPerUser: 5 };
    const controllers = [LoginController, OwnAnswerController];
    booted = await bootApp({ platform, controllers, sessions });
    const client = booted.client();
    await client.post('/login', { userId: 'sam' });
    const way = 'logged in beside, and the first session was ended';
    const outcome = await client.post('/own', { way }).catch(() => 'cut off');
    expect(outcome).toBe('cut off');
  });
});
