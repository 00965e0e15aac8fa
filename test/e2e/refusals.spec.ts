import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  Get,
  Logger,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  type RefusalReason,
  SessionEventBus,
  type SessionEvents,
  SessionException,
  SessionService,
  UnauthorizedSessionException,
  VerifySession,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  type Headers,
  type Holder,
  refreshCookie,
  Scene,
} from '../support/scene.js';

@Controller()
class RefusingController {
  constructor(private readonly sessions: SessionService) {}

  @Post('nobody')
  @CreateSession()
  nobody(): null {
    return null;
  }

  @Post('payload')
  @CreateSession<object>({ userId: () => 'u', accessTokenPayload: (body) => body })
  payload(@Body() body: object): object {
    return body;
  }

  @Get('admin')
  @VerifySession({ roles: ['admin'] })
  admin(): string {
    return 'admin';
  }

  @Post('again')
  @VerifySession()
  async again(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.reauthenticate(request, response, 'somebody else');
  }

  @Get('thrown')
  thrown(): void {
    throw new UnauthorizedSessionException({ clearTokens: false });
  }

  @Get('handshake')
  async handshake(@Req() request: { raw?: object }): Promise<void> {
    await this.sessions.getSessionOfHandshake(request.raw ?? request);
  }
}

/** Reads the reason where an application's own filter would. */
@Catch(SessionException)
class ReasonFilter extends BaseExceptionFilter {
  readonly reasons: RefusalReason[] = [];

  override catch(exception: SessionException, host: ArgumentsHost): void {
    this.reasons.push(exception.reason);
    super.catch(exception, host);
  }
}

const FOREIGN = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };

interface Kind {
  readonly act: (scene: Scene, holder: Holder) => Promise<unknown>;
  readonly told: Omit<SessionEvents['refused'], 'atMs' | 'sessionHandle' | 'userId'>;
  /** Whether the session is named. */
  readonly named?: boolean;
}

const kinds: Record<string, Kind> = {
  'a route without a token': {
    act: (scene) => scene.get('/me'),
    told: { at: 'verify', code: 'UNAUTHORISED', reason: 'no-access-token' },
  },
  'a route with a forged token': {
    act: (scene) => scene.get('/me', bearer('a.b.c')),
    told: { at: 'verify', code: 'UNAUTHORISED', reason: 'no-access-token' },
  },
  'a route with the token of another server': {
    act: (scene, { access }) => scene.get('/me', accessCookie(`${access.slice(0, -6)}AAAAAA`)),
    told: { at: 'verify', code: 'TRY_REFRESH_TOKEN', reason: 'access-token-invalid' },
  },
  'a route after the access token has expired': {
    act: async (scene, { access }) => {
      await scene.advance(3_601_000);
      return scene.get('/me', accessCookie(access));
    },
    told: { at: 'verify', code: 'TRY_REFRESH_TOKEN', reason: 'access-token-expired' },
    named: true,
  },
  'a route after the session was revoked': {
    act: async (scene, { handle, access }) => {
      await scene.booted.app.get(SessionService).revokeSession(handle);
      return scene.get('/me', accessCookie(access));
    },
    told: { at: 'verify', code: 'TRY_REFRESH_TOKEN', reason: 'session-revoked' },
    named: true,
  },
  'a route that reads a row which is gone': {
    act: async (scene, { handle, access }) => {
      await scene.booted.dataSource.query('DELETE FROM "auth_session" WHERE "handle" = ?', [
        handle,
      ]);
      return scene.get('/strict', accessCookie(access));
    },
    told: { at: 'verify', code: 'UNAUTHORISED', reason: 'session-over' },
    named: true,
  },
  'a route that asks for a role': {
    act: (scene, { access }) => scene.get('/admin', accessCookie(access)),
    told: { at: 'verify', code: 'INVALID_CLAIMS', reason: 'claims' },
    named: true,
  },
  'a POST from another site': {
    act: (scene, { access }) => scene.post('/act', { ...accessCookie(access), ...FOREIGN }),
    told: { at: 'verify', code: 'TRY_REFRESH_TOKEN', reason: 'anti-csrf' },
  },
  'a refresh without a token': {
    act: (scene) => scene.refresh(),
    told: { at: 'refresh', code: 'UNAUTHORISED', reason: 'no-refresh-token' },
  },
  'a refresh with a forged token': {
    act: (scene) => scene.refresh(refreshCookie('x')),
    told: { at: 'refresh', code: 'UNAUTHORISED', reason: 'refresh-token-invalid' },
  },
  'a refresh from another site': {
    act: (scene, { refresh }) => scene.refresh({ ...refreshCookie(refresh), ...FOREIGN }),
    told: { at: 'refresh', code: 'UNAUTHORISED', reason: 'anti-csrf' },
  },
  'a refresh of a session that is gone': {
    act: async (scene, { handle, refresh }) => {
      await scene.booted.app.get(SessionService).revokeSession(handle);
      return scene.refresh(refreshCookie(refresh));
    },
    told: { at: 'refresh', code: 'UNAUTHORISED', reason: 'session-over' },
  },
  'a refresh of a session that is over': {
    act: async (scene, { refresh }) => {
      await scene.advance(101 * 86_400_000).catch(() => undefined);
      return scene.refresh(refreshCookie(refresh));
    },
    told: { at: 'refresh', code: 'UNAUTHORISED', reason: 'session-over' },
    named: true,
  },
  'a sign-out from another site': {
    act: (scene, holder) => scene.post('/auth/signout', { ...bothCookies(holder), ...FOREIGN }),
    told: { at: 'sign-out', code: 'UNAUTHORISED', reason: 'anti-csrf' },
  },
  'a login that finds nobody': {
    act: (scene) => scene.post('/nobody'),
    told: { at: 'login', code: 'UNAUTHORISED', reason: 'no-user' },
  },
  'a login from another site': {
    act: (scene) => scene.post('/login', FOREIGN, { userId: 'u' }),
    told: { at: 'login', code: 'CROSS_SITE_REQUEST', reason: 'cross-site' },
  },
  'a login that sets a reserved claim': {
    act: (scene) => scene.post('/payload', {}, { sub: 'admin' }),
    told: { at: 'login', code: 'SESSION_INPUT', reason: 'input' },
  },
  'a login past the limit of sessions': {
    act: async (scene) => {
      await scene.login('many');
      await scene.login('many');
      return scene.post('/login', {}, { userId: 'many' });
    },
    told: { at: 'login', code: 'SESSION_LIMIT', reason: 'session-limit' },
  },
  'a login past the rate limit': {
    act: async (scene) => {
      for (let n = 0; n < 60; n += 1) await scene.post('/nobody');
      return scene.post('/login', {}, { userId: 'u' });
    },
    told: { at: 'login', code: 'TOO_MANY_REQUESTS', reason: 'rate-limit' },
  },
  'a renewal for somebody else': {
    act: (scene, { access }) => scene.post('/again', accessCookie(access)),
    told: { at: 'login', code: 'UNAUTHORISED', reason: 'other-user' },
  },
  'a handshake from another site': {
    act: (scene, { access }) => scene.get('/handshake', { ...accessCookie(access), ...FOREIGN }),
    told: { at: 'handshake', code: 'CROSS_SITE_REQUEST', reason: 'cross-site' },
  },
  'a route while the database is away': {
    act: async (scene, { access }) => {
      await scene.booted.dataSource.destroy();
      return scene.get('/strict', accessCookie(access));
    },
    told: { at: 'verify', code: 'SESSION_STORE_UNAVAILABLE', reason: 'store-unavailable' },
  },
};

describe.each(platforms)('a refusal on %s', (platform) => {
  const log = new LogRecorder();
  const events: SessionEvents['refused'][] = [];
  let filter: ReasonFilter;
  let scene: Scene;
  let holder: Holder;

  beforeEach(async () => {
    scene = await Scene.open({
      platform,
      controllers: [RefusingController],
      sessions: {
        maxSessionsPerUser: { max: 2, onLimit: 'refuse' },
        rateLimit: { logins: { max: 60, per: '1h' } },
      },
      prepare: (app) => {
        app.useLogger(log);
        filter = new ReasonFilter(app.get(HttpAdapterHost).httpAdapter);
        app.useGlobalFilters(filter);
      },
    });
    holder = await scene.login('u1');
    events.length = 0;
    scene.booted.app.get(SessionEventBus).on('refused', (event) => void events.push(event));
    log.clear();
  });

  // The database of one of them is gone already.
  afterEach(() => scene.close().catch(() => undefined));

  it.each(Object.entries(kinds))(
    'of %s says why: to the application, to a listener and in one debug line',
    async (_, { act, told, named = false }) => {
      const answer = (await act(scene, holder)) as Answer;
      await new Promise((resolve) => setImmediate(resolve));

      const session = named ? { sessionHandle: holder.handle, userId: 'u1' } : {};
      expect(events.at(-1)).toEqual({ ...told, ...session, atMs: expect.any(Number) });
      expect(filter.reasons.at(-1)).toBe(told.reason);
      const line = `Refused (${told.at}): ${told.code}, ${told.reason}`;
      const lines = log.texts('debug').filter((text) => text.startsWith(line));
      expect(lines.length).toBe(events.filter(({ reason }) => reason === told.reason).length);
      expect(lines.at(-1)).toBe(named ? `${line}, session ${holder.handle}` : line);
      const { statusCode, code } = answer.json as Record<string, unknown>;
      expect([statusCode, code]).toEqual([answer.status, told.code]);
      expect(Object.keys(answer.json as object)).not.toContain('reason');
    },
  );
});

describe('what the log says of refusals', () => {
  const log = new LogRecorder();
  let scene: Scene;

  beforeAll(async () => {
    scene = await Scene.open({ controllers: [RefusingController], prepare: log.record });
  });
  beforeEach(() => log.clear());
  afterAll(() => scene.close());

  const attack = (headers: Headers) => scene.post('/act', { ...headers, ...FOREIGN });

  it('tells of an error that the application throws by itself', async () => {
    await scene.get('/thrown');
    expect(log.texts('debug')).toEqual(['Refused (handler): UNAUTHORISED, application']);
  });

  it('warns of a theft, and names no user and no token', async () => {
    const victim = await scene.login('victim');
    const second = await scene.refresh(refreshCookie(victim.refresh));
    const access = String(second.setCookies[0]).split(/[=;]/)[1];
    await scene.get('/me', accessCookie(access));
    await scene.settle();
    await scene.advance(31_000);
    await scene.refresh(refreshCookie(victim.refresh));
    expect(log.texts('warn')).toEqual([
      `Token theft detected: session ${victim.handle} was revoked, because a spent refresh token came back`,
    ]);
  });

  it('warns of a failed anti-CSRF check once a minute, whatever a flooder sends', async () => {
    const { access } = await scene.login('u');
    for (let n = 0; n < 20; n += 1) await attack(accessCookie(access));
    expect(log.texts('warn')).toHaveLength(1);
    await scene.advance(60_000);
    await attack(accessCookie(access));
    expect(log.texts('warn')).toHaveLength(2);
  });

  it('builds no debug line where debug is off', async () => {
    Logger.overrideLogger(['warn', 'error']);
    try {
      await scene.get('/me');
      expect(log.texts('debug')).toEqual([]);
    } finally {
      Logger.overrideLogger(log);
    }
  });

  it('has a line for each emergency function', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const kid = await sessions.addRefreshTokenSecret();
    await sessions.revokeKey(kid);
    await sessions.revokeEverything();
    expect(log.texts('log')).toEqual([
      `Secret ${kid} for refresh tokens was added`,
      `Key ${kid} was revoked`,
      'All sessions of everyone are being revoked',
      'All sessions of everyone were revoked: 2',
    ]);
  });
});

describe('a listener of refusals', () => {
  it('is called for at most 1,000 at once, so that a flood does not pile up', async () => {
    const bus = new SessionEventBus();
    let calls = 0;
    bus.on('refused', async () => {
      calls += 1;
      await new Promise(() => undefined);
    });
    for (let n = 0; n < 1_500; n += 1) {
      bus.emit('refused', { at: 'verify', code: 'UNAUTHORISED', reason: 'claims', atMs: n });
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(1_000);
  });

  it('of forged requests neither', async () => {
    const bus = new SessionEventBus();
    let calls = 0;
    bus.on('antiCsrfFailed', async () => {
      calls += 1;
      await new Promise(() => undefined);
    });
    for (let n = 0; n < 1_500; n += 1) bus.emit('antiCsrfFailed', { at: 'verify', atMs: n });
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(1_000);
  });
});
