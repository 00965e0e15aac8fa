import { Readable, type Writable } from 'node:stream';
import { Body, Controller, Get, Post, Req, Res } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  InjectSessions,
  PrimitiveClaim,
  SessionModule,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase } from '../support/databases.js';
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
    stream(response, ['first ', 'second']);
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

function stream(response: OwnAnswer, pieces: Iterable<string> | AsyncIterable<string>): void {
  const text = Readable.from(pieces);
  if (response.send === undefined || 'writeHead' in response) text.pipe(response);
  else response.send(text);
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

@Controller()
class StaffController {
  constructor(
    private readonly customers: SessionService,
    @InjectSessions('staff') private readonly staff: SessionService,
  ) {}

  @Post('staff-login')
  @CreateSession({ kind: 'staff' })
  login(): string {
    return 'tess';
  }

  @Post('own-of-staff')
  @VerifySession({ kind: 'staff' })
  async own(
    @CurrentSession() session: SessionContainer,
    @Body() { way }: { way: string },
    @Req() request: object,
    @Res() response: OwnAnswer,
  ): Promise<void> {
    if (way === 'back as oneself') await this.customers.endImpersonation(request, response);
    else await this.customers.reauthenticate(request, response, 'sam');
    await this.staff.revokeSession(session.getHandle());
    stream(response, ['first ', 'second']);
  }
}

describe.each(platforms)('a streamed answer for the staff, on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  it.each(['confirmed again', 'back as oneself'])(
    'ends with their session, whatever becomes of a customer’s: %s',
    async (way) => {
      booted = await bootApp({
        platform,
        imports: [SessionModule.forRoot({ kind: 'staff' })],
        controllers: [LoginController, OwnAnswerController, StaffController],
      });
      const client = booted.client();
      await client.post('/login', { userId: 'sam' });
      if (way === 'back as oneself') await client.post('/act');
      await client.post('/staff-login');
      booted.clock.advance('1m');
      const outcome = await client.post('/own-of-staff', { way }).catch(() => 'cut off');
      expect(outcome).toBe('cut off');
    },
  );
});

/** What happens elsewhere during a request, given the handle of its session. */
const elsewhere = { beforeTheLogin: nothing, duringTheLogin: nothing };

async function nothing(_handle: string): Promise<unknown> {
  return undefined;
}

@Controller()
@VerifySession()
class InterruptedController {
  constructor(
    private readonly sessions: SessionService,
    private readonly modules: ModuleRef,
  ) {}

  @Post('interrupted')
  async interrupted(
    @CurrentSession() session: SessionContainer,
    @Body() { way, pollsFirst = false }: { way: string; pollsFirst?: boolean },
    @Req() request: object,
    @Res() response: OwnAnswer,
  ): Promise<void> {
    await elsewhere.beforeTheLogin(session.getHandle());
    if (way === 'back as oneself') await this.sessions.endImpersonation(request, response);
    else await this.sessions.createNewSession(request, response, 'public', 'sam');
    if (pollsFirst) await this.poll();
    stream(response, this.pieces());
  }

  private async *pieces(): AsyncGenerator<string> {
    yield 'first ';
    await this.poll();
    yield 'second';
  }

  private poll(): Promise<unknown> {
    return this.modules.get(RevocationFeed, { strict: false }).poll();
  }
}

describe.each(platforms)('a request whose session ends elsewhere meanwhile, on %s', (platform) => {
  const controllers = [LoginController, OwnAnswerController, InterruptedController];
  const closings: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    Object.assign(elsewhere, { beforeTheLogin: nothing, duringTheLogin: nothing });
    for (const close of closings.splice(0).toReversed()) await close();
  });

  it.each([
    ['logged in again', true],
    ['logged in again', false],
    ['back as oneself', true],
    ['back as oneself', false],
  ])('brings its tokens if it was sent twice: %s, %j', async (way, pollsFirst) => {
    const database = await createTestDatabase('sqlite');
    closings.push(() => database.drop());
    const start = async (from?: BootedApp) => {
      const booted = await bootApp({
        platform,
        controllers,
        database: database.options,
        ...(from && { clock: from.clock }),
      });
      closings.push(() => booted.close());
      return booted;
    };
    const booted = await start();
    const other = await start(booted);
    const client = booted.client();
    await client.post('/login', { userId: 'sam' });
    if (way === 'back as oneself') await client.post('/act');
    elsewhere.beforeTheLogin = (handle) => other.app.get(SessionService).revokeSession(handle);
    const answer = await client.post('/interrupted', { way, pollsFirst });
    expect([answer.status, answer.text]).toEqual([201, 'first second']);
    expect((await client.get('/me')).json).toEqual({ userId: 'sam' });
  });

  it('is cut off if its session was revoked while it logged in beside it', async () => {
    const claim = new PrimitiveClaim<string>({
      key: 'plan',
      fetchValue: async () => {
        await elsewhere.duringTheLogin('');
        return 'pro';
      },
    });
    const sessions = { revokePreviousSession: false, claims: [claim] };
    const booted = await bootApp({ platform, controllers, sessions });
    closings.push(() => booted.close());
    const client = booted.client();
    await client.post('/login', { userId: 'sam' });
    elsewhere.beforeTheLogin = async (handle) => {
      elsewhere.duringTheLogin = () => booted.app.get(SessionService).revokeSession(handle);
    };
    const outcome = await client
      .post('/interrupted', { way: 'logged in beside' })
      .catch(() => 'cut off');
    expect(outcome).toBe('cut off');
  });
});
