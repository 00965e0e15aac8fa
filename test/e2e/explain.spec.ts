import { Body, Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  Session,
  SessionRevocation,
  SessionService,
  VerifySession,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { payloadOf } from '../support/scene.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

@Controller()
class AppController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  @CreateSession()
  login(@Body() { userId }: { userId: string }): string {
    return userId;
  }

  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }

  @Post('again')
  async again(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.reauthenticate(request, response, 'bob');
  }
}

describe('why a session ended', () => {
  let booted: BootedApp;
  let sessions: SessionService;
  let client: HttpClient;
  let handle: string;

  async function boot(options: SessionModuleOptions = {}): Promise<void> {
    booted = await bootApp({ controllers: [AppController], sessions: options });
    sessions = booted.app.get(SessionService);
    client = booted.client();
    await client.post('/login', { userId: 'bob' });
    handle = await handleOf(client);
    booted.clock.advanceMs(1);
  }
  beforeEach(() => boot());
  afterEach(() => booted.close());

  const handleOf = async (of: HttpClient) =>
    String(payloadOf(String(await of.cookie('sAccessToken')))['sessionHandle']);
  const restart = async (options: SessionModuleOptions) => {
    await booted.close();
    await boot(options);
  };
  const ended = (reason: string, detail: string | null = null, at = booted.clock.now()) => ({
    status: 'ended',
    reason,
    at,
    detail,
  });
  const explain = () => sessions.explain(handle);
  const prune = () => booted.app.get(SessionPruner).prune();

  it('is not told while it lives', async () => {
    expect(await explain()).toEqual({ status: 'live' });
  });

  it('is told of a sign-out', async () => {
    await client.post('/auth/signout');
    expect(await explain()).toEqual(ended('sign-out'));
  });

  it('is told of whoever revoked it', async () => {
    await sessions.revokeSession(handle, { by: 'admin-7' });
    expect(await explain()).toEqual(ended('revoked', 'admin-7'));
  });

  it.each([undefined, 'admin-7'])('is told where all sessions were revoked by %s', async (by) => {
    await sessions.revokeAllSessionsForUser('bob', undefined, { ...(by && { by }) });
    expect(await explain()).toEqual(ended('revoked-all', by ?? null));
  });

  it("is told where everyone's sessions were revoked", async () => {
    await sessions.revokeEverything();
    const expected = ended('revoked-everything');
    booted.clock.advanceMs(DAY_MS);
    await sessions.revokeEverything();
    expect(await explain()).toEqual(expected);
  });

  it.each([
    ["everyone's sessions", 'revoked-everything', () => sessions.revokeEverything()],
    ["a tenant's sessions", 'revoked-tenant', () => sessions.revokeAllSessionsOfTenant('public')],
  ] as const)(
    'is told as of the revocation of %s, also while its row is there',
    async (_, reason, revoke) => {
      const rows = booted.dataSource.getRepository(Session);
      const row = await rows.findOneByOrFail({ handle });
      await revoke();
      const expected = ended(reason);
      booted.clock.advanceMs(HOUR_MS);
      await revoke();
      await rows.insert(row);
      expect(await explain()).toEqual(expected);
    },
  );

  it('is told where the user ended it from another device', async () => {
    const other = booted.client();
    await other.post('/login', { userId: 'bob' });
    await other.send('DELETE', `/auth/sessions/${handle}`);
    expect(await explain()).toEqual(ended('revoked', 'bob'));
  });

  it('is told where the user ended all others', async () => {
    const other = booted.client();
    await other.post('/login', { userId: 'bob' });
    await other.send('DELETE', '/auth/sessions');
    expect(await explain()).toEqual(ended('revoked-others', 'bob'));
    expect(await sessions.explain(await handleOf(other))).toEqual({ status: 'live' });
  });

  it('is told where another login took its place', async () => {
    await client.post('/login', { userId: 'eve' });
    expect(await explain()).toEqual(ended('replaced-by-login'));
  });

  it('is told where the user has logged in again on the way', async () => {
    await client.post('/again');
    expect(await explain()).toEqual(ended('reauthenticated'));
  });

  it('is told where there were too many', async () => {
    await restart({ maxSessionsPerUser: 1 });
    await booted.client().post('/login', { userId: 'bob' });
    expect(await explain()).toEqual(ended('session-limit'));
  });

  it('is told where the user was forgotten', async () => {
    await sessions.forgetUser('bob');
    expect(await explain()).toEqual(ended('user-forgotten'));
  });

  it('is told of a theft, with what was presented and no token', async () => {
    const spent = await client.cookie('sRefreshToken');
    for (let turn = 0; turn < 2; turn += 1) {
      await client.post('/auth/session/refresh');
      await client.get('/me');
      await booted.app.get(ArrivalQueue).flush();
      booted.clock.advanceMs(120_000);
    }
    const headers = { cookie: `sRefreshToken=${spent}` };
    await booted.client().post('/auth/session/refresh', undefined, { headers });
    expect(await explain()).toEqual(ended('token-theft', 'presented generation 0, current 2'));
  });

  it.each([
    ['expired-idle', { refreshTokenLifetime: '2h' }, 2 * HOUR_MS],
    ['expired-absolute', { absoluteTimeout: '3h' }, 3 * HOUR_MS],
    ['expired-absolute', { absoluteTimeout: '2h', refreshTokenLifetime: '2h' }, 2 * HOUR_MS],
  ] as const)('is told where its time was over: %s with %o', async (reason, options, lifeMs) => {
    await restart(options);
    const at = booted.clock.now() - 1 + lifeMs;
    booted.clock.advanceMs(lifeMs - 2);
    expect(await explain()).toEqual({ status: 'live' });
    booted.clock.advanceMs(1);
    expect(await explain()).toEqual(ended(reason, null, at));
    booted.clock.advanceMs(HOUR_MS);
    await prune();
    expect(await explain()).toEqual(ended(reason, null, at));
  });

  it('is told once a refresh has found it over', async () => {
    booted.clock.advanceMs(101 * DAY_MS);
    await client.post('/auth/session/refresh');
    expect(await explain()).toMatchObject({ reason: 'expired-idle' });
  });

  it.each([
    ['revoked', () => sessions.revokeSession(handle).then(() => undefined)],
    ['revoked with all', () => sessions.revokeEverything().then(() => undefined)],
    ['expired', () => Promise.resolve(booted.clock.advanceMs(100 * DAY_MS - 1))],
  ])('is forgotten after the retention: %s', async (_, end) => {
    await end();
    booted.clock.advanceMs(7 * DAY_MS - 1);
    await prune();
    expect(await explain()).toMatchObject({ status: 'ended' });
    booted.clock.advanceMs(1);
    expect(await explain()).toEqual({ status: 'unknown' });
    await prune();
    expect(await booted.dataSource.getRepository(SessionRevocation).count()).toBe(0);
    expect(await explain()).toEqual({ status: 'unknown' });
  });

  it('is kept by nobody with a retention of 0, and the session is refused all the same', async () => {
    await restart({ endedSessionRetention: 0 });
    await sessions.revokeSession(handle, { by: 'admin-7' });
    expect(await explain()).toEqual({ status: 'unknown' });
    await booted.app.get(RevocationFeed).poll();
    expect((await client.get('/me')).status).toBe(401);
  });

  it.each([
    ['a handle that never was', '01900000-0000-7000-8000-000000000000'],
    ['what is no handle', 'bob'],
    ['nothing', undefined as unknown as string],
  ])('is unknown of %s', async (_, unknown) => {
    expect(await sessions.explain(unknown)).toEqual({ status: 'unknown' });
  });

  it('is told in a transaction by what that has done, and not where it is rolled back', async () => {
    let within: unknown;
    const work = booted.dataSource.transaction(async (manager) => {
      const inTransaction = sessions.withManager(manager);
      await inTransaction.revokeSession(handle, { by: 'admin-7' });
      within = await inTransaction.explain(handle);
      throw new Error('rolled back');
    });
    await expect(work).rejects.toThrow('rolled back');
    expect(within).toEqual(ended('revoked', 'admin-7'));
    expect(await explain()).toEqual({ status: 'live' });
  });
});
