import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { All, Body, Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import { Args, Context, GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  ForbidImpersonation,
  PermissionClaim,
  PrimitiveClaim,
  PublicAccess,
  RequireFresh,
  Session,
  SessionEventBus,
  SessionService,
  SessionStoreUnavailableException,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { SessionImpersonator } from '../../lib/session/issue/session-impersonator.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { BoundScene } from '../support/bound-scene.js';
import type { Answer, HttpClient } from '../support/http-client.js';
import { LoginController } from '../support/login.controller.js';

interface Asked {
  userId?: unknown;
  tenantId?: unknown;
  reason?: unknown;
  lifetime?: unknown;
}

@Controller()
@VerifySession()
class AdminController {
  constructor(private readonly sessions: SessionService) {}

  @Post('act')
  async act(
    @CurrentSession() actor: SessionContainer,
    @Body() asked: Asked,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    const how = { actor, reason: 'ticket 7', ...asked } as never;
    const session = await this.sessions.impersonate(request, response, how);
    return { handle: session.getHandle() };
  }

  @Post('login-for-this-visit')
  @PublicAccess()
  @CreateSession({ persistent: false })
  loginForThisVisit(): string {
    return 'admin';
  }

  @Post('back')
  @PublicAccess()
  async back(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    const session = await this.sessions.endImpersonation(request, response);
    return { userId: session.getUserId() };
  }

  @Post('again')
  async again(
    @CurrentSession() session: SessionContainer,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.reauthenticate(request, response, session.getUserId());
  }

  @Post('merge')
  async merge(@CurrentSession() session: SessionContainer, @Body() update: object): Promise<void> {
    await session.mergeIntoAccessTokenPayload(update);
  }

  @Get('me')
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId(), actor: session.getActor() ?? null };
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): void {}

  @Delete('account')
  @RequireFresh('10m')
  close(): void {}

  @Post('message')
  @ForbidImpersonation()
  message(): void {}

  @Post('forged')
  @PublicAccess()
  @CreateSession({ accessTokenPayload: () => ({ act: { sub: 'admin' } }) })
  forged(): string {
    return 'mallory';
  }
}

@Controller()
class UncheckedController {
  constructor(private readonly sessions: SessionService) {}

  @All('act-unchecked')
  @VerifySession({ antiCsrfCheck: false })
  async act(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.impersonate(request, response, { userId: 'ada', reason: 'ticket 7' });
  }
}

interface Access {
  sub: string;
  act?: { sub: string; sid: string; tId: string };
  auth_time: number;
  sessionHandle: string;
  exp: number;
}

/** Who asks, by cookies or by headers, as a client of either kind keeps its tokens. */
class Visitor {
  private tokens: { access?: string; refresh?: string } = {};
  front: { uid?: string; up?: Record<string, unknown> } = {};

  constructor(
    private readonly client: HttpClient,
    private readonly mode: 'cookie' | 'header',
  ) {}

  async send(method: string, path: string, body?: unknown, token = this.tokens.access) {
    const inHeader =
      this.mode === 'cookie'
        ? {}
        : {
            'st-auth-mode': 'header',
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          };
    const answer = await this.client.send(method, path, {
      headers: inHeader,
      ...(body === undefined ? {} : { body }),
    });
    this.keep(answer);
    return answer;
  }

  get(path: string) {
    return this.send('GET', path);
  }
  post(path: string, body?: unknown) {
    return this.send('POST', path, body);
  }
  refresh() {
    return this.send('POST', '/auth/session/refresh', undefined, this.tokens.refresh);
  }
  get refreshToken() {
    return this.tokens.refresh;
  }
  get accessToken() {
    return this.tokens.access;
  }
  /** Comes back by the refresh token of before, which waits in a cookie or here. */
  back(waiting?: string) {
    return this.send('POST', '/back', undefined, waiting);
  }
  waitingCookie() {
    return this.client.cookie('sRefreshToken-actor');
  }
  async status(path: string, method = 'GET') {
    return (await this.send(method, path)).status;
  }
  async access(): Promise<Access> {
    const token =
      this.mode === 'header'
        ? this.tokens.access
        : ((await this.client.cookie('sAccessToken')) ??
          (await this.client.cookie('__Host-sAccessToken')));
    return JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString()) as Access;
  }

  private keep({ headers }: Answer): void {
    const front = headers['front-token'];
    if (typeof front === 'string' && front !== 'remove') {
      this.front = JSON.parse(Buffer.from(front, 'base64').toString()) as typeof this.front;
    }
    const access = headers['st-access-token'];
    const refresh = headers['st-refresh-token'];
    if (typeof access === 'string') this.tokens.access = access;
    if (typeof refresh === 'string') this.tokens.refresh = refresh;
  }
}

describe.each(platforms)('who acts as a user on %s', (platform) => {
  let booted: BootedApp;
  let sessions: SessionService;
  let events: { name: string; event: object }[];
  afterEach(() => booted.close());

  async function boot(options: BootOptions['sessions'] = {}): Promise<void> {
    booted = await bootApp({
      platform,
      controllers: [LoginController, AdminController, UncheckedController],
      sessions: options,
    });
    sessions = booted.app.get(SessionService);
    events = [];
    const bus = booted.app.get(SessionEventBus);
    for (const name of [
      'created',
      'revoked',
      'impersonationStarted',
      'impersonationEnded',
    ] as const)
      bus.on(name, (event) => void events.push({ name, event }));
  }

  async function visitor(userId: string, mode: 'cookie' | 'header' = 'cookie'): Promise<Visitor> {
    const made = new Visitor(booted.client(), mode);
    await made.post('/login', { userId });
    return made;
  }

  async function actingAs(userId: string, mode: 'cookie' | 'header' = 'cookie', asked: Asked = {}) {
    const admin = await visitor('admin', mode);
    const own = await admin.access();
    const waiting = admin.refreshToken;
    const answer = await admin.post('/act', { userId, ...asked });
    expect(answer.status).toBe(201);
    const { handle } = answer.json as { handle: string };
    return { admin, own, waiting, handle };
  }

  /** Another tab refreshes, and uses its new access token. */
  async function refreshElsewhere(admin: HttpClient, jar?: string): Promise<HttpClient> {
    const cookie = jar ?? (await admin.jar.getCookieString(booted.url));
    const other = booted.client();
    const headers = { cookie };
    const refreshed = await other.post('/auth/session/refresh', undefined, { headers });
    expect(refreshed.status).toBe(200);
    expect((await other.get('/me')).status).toBe(200);
    booted.clock.advanceMs(60_000);
    return other;
  }

  describe.each(['cookie', 'header'] as const)('in %s mode', (mode) => {
    beforeEach(() => boot());

    it('has the session of the user, which says who acts', async () => {
      const { admin, own, handle } = await actingAs('ada', mode);
      const actor = { userId: 'admin', tenantId: 'public', sessionHandle: own.sessionHandle };
      expect((await admin.get('/me')).json).toEqual({ userId: 'ada', actor });
      const token = await admin.access();
      expect(token).toMatchObject({
        sub: 'ada',
        sessionHandle: handle,
        act: { sub: 'admin', sid: own.sessionHandle, tId: 'public' },
        auth_time: 0,
      });
      expect([admin.front.uid, admin.front.up?.['act']]).toEqual(['ada', true]);
      expect(JSON.stringify(admin.front)).not.toContain('admin');
    });

    it('comes back to the session of before, with its own freshness', async () => {
      const { admin, own, waiting, handle } = await actingAs('ada', mode);
      booted.clock.advance('5m');
      const back = await admin.back(waiting);
      expect([back.status, back.json]).toEqual([201, { userId: 'admin' }]);
      expect((await admin.get('/me')).json).toEqual({ userId: 'admin', actor: null });
      expect(await admin.access()).toMatchObject({
        sessionHandle: own.sessionHandle,
        auth_time: own.auth_time,
      });
      expect(await admin.status('/account', 'DELETE')).toBe(200);
      expect((await admin.refresh()).status).toBe(200);
      expect(await sessions.explain(handle)).toMatchObject({
        status: 'ended',
        reason: 'impersonation-ended',
        detail: 'admin',
      });
    });

    it('AS3: never counts as fresh, and cannot become so', async () => {
      const { admin } = await actingAs('ada', mode);
      const refused = await admin.send('DELETE', '/account');
      expect([refused.status, refused.json]).toMatchObject([
        403,
        { claimValidationErrors: [{ id: 'auth_time', reason: { message: 'impersonated' } }] },
      ]);
      expect(await admin.status('/again', 'POST')).toBe(403);
    });

    it('is kept out of what forbids it, and of acting as a third', async () => {
      const { admin } = await actingAs('ada', mode);
      const forbidden = await admin.post('/message');
      const reason = { message: 'impersonated' };
      expect([forbidden.status, forbidden.json]).toMatchObject([
        403,
        { claimValidationErrors: [{ id: 'act', reason }] },
      ]);
      expect((await admin.post('/act', { userId: 'bob' })).status).toBe(403);
      const ada = await visitor('ada', mode);
      expect(await ada.status('/message', 'POST')).toBe(201);
    });

    it('AS2: is out when the own session ends, and no refresh brings the user back', async () => {
      const { admin, own, handle } = await actingAs('ada', mode);
      expect(await sessions.revokeSession(own.sessionHandle, { by: 'boss' })).toBe(true);
      expect(await admin.status('/me')).toBe(401);
      expect((await admin.refresh()).status).toBe(401);
      expect((await sessions.explain(handle)) as object).toMatchObject({
        reason: 'actor-ended',
        detail: 'admin',
      });
      expect(await sessions.listSessions('ada')).toEqual([]);
    });

    it('refreshes until the end that was said, and not past it', async () => {
      const { admin, waiting } = await actingAs('ada', mode, { lifetime: '90m' });
      const begunAt = booted.clock.now() / 1000;
      booted.clock.advance('61m');
      expect((await admin.refresh()).status).toBe(200);
      const token = await admin.access();
      expect([token.act?.sub, token.exp]).toEqual(['admin', begunAt + 90 * 60]);
      booted.clock.advance('28m');
      expect((await admin.refresh()).status).toBe(200);
      booted.clock.advance('2m');
      expect(await admin.status('/me')).toBe(401);
      expect((await admin.refresh()).status).toBe(401);
      expect((await admin.back(waiting)).json).toEqual({ userId: 'admin' });
    });

    it('signs out as both', async () => {
      const { admin, own, waiting, handle } = await actingAs('ada', mode);
      expect((await admin.post('/auth/signout')).status).toBe(200);
      expect((await admin.back(waiting)).status).toBe(401);
      for (const [each, detail] of [
        [own.sessionHandle, null],
        [handle, 'admin'],
      ] as const) {
        const ended = { status: 'ended', reason: 'sign-out', detail };
        expect(await sessions.explain(each)).toMatchObject(ended);
      }
    });

    it('is who has ended the session of the user that they acted in, not the user', async () => {
      const { admin, handle } = await actingAs('ada', mode);
      expect(await admin.status(`/auth/sessions/${handle}`, 'DELETE')).toBe(200);
      expect(await sessions.explain(handle)).toMatchObject({ reason: 'revoked', detail: 'admin' });
    });

    it('is who has logged in anew, not the user', async () => {
      const { admin, own, handle } = await actingAs('ada', mode);
      await admin.post('/login', { userId: 'eve' });
      for (const [each, detail] of [
        [own.sessionHandle, null],
        [handle, 'admin'],
      ] as const) {
        const ended = { reason: 'replaced-by-login', detail };
        expect(await sessions.explain(each)).toMatchObject(ended);
      }
    });

    it('AS4: does not come back by an access token', async () => {
      const { admin, own } = await actingAs('ada', 'header');
      expect(own.sub).toBe('admin');
      const stolen = await admin.send('POST', '/back');
      expect(stolen.status).toBe(401);
      const nobody = new Visitor(booted.client(), mode);
      expect((await nobody.back()).status).toBe(401);
    });
  });

  describe('beside the sessions of the user', () => {
    it('is seen by the user, who does not learn who it is, and can end it', async () => {
      await boot();
      const { admin, own, handle } = await actingAs('ada');
      const ada = await visitor('ada');
      const { sessions: listed } = (await ada.get('/auth/sessions')).json as {
        sessions: { sessionHandle: string; isImpersonated?: true }[];
      };
      const seen = listed.find(({ sessionHandle }) => sessionHandle === handle);
      expect([listed.length, seen?.isImpersonated]).toEqual([2, true]);
      expect(JSON.stringify(listed)).not.toMatch(/admin|ticket/);
      const actor = { userId: 'admin', sessionHandle: own.sessionHandle, reason: 'ticket 7' };
      expect(await sessions.listSessions('ada')).toContainEqual(expect.objectContaining({ actor }));
      expect(await sessions.explain(handle)).toEqual({ status: 'live', actor });
      expect(await ada.status(`/auth/sessions/${handle}`, 'DELETE')).toBe(200);
      expect(await admin.status('/me')).toBe(401);
      expect((await admin.back()).json).toEqual({ userId: 'admin' });
    });

    it('shows its own device to the staff alone', async () => {
      await boot({ device: { ip: true, userAgent: true } });
      const { handle } = await actingAs('ada');
      const ada = await visitor('ada');
      const { sessions: listed } = (await ada.get('/auth/sessions')).json as {
        sessions: { sessionHandle: string; isCurrent: boolean; device: object }[];
      };
      const kept = { ip: expect.any(String) as string };
      expect(listed.find(({ isCurrent }) => isCurrent)?.device).toMatchObject(kept);
      const seen = listed.find(({ sessionHandle }) => sessionHandle === handle);
      expect(seen?.device).toEqual({ ip: null, userAgent: null, name: null });
      const known = (await sessions.listSessions('ada')).find(
        ({ sessionHandle }) => sessionHandle === handle,
      );
      expect(known?.device).toMatchObject(kept);
    });

    it('is who has ended a session of the user, not the user', async () => {
      await boot();
      const one = await (await visitor('ada')).access();
      const other = await (await visitor('ada')).access();
      const { admin } = await actingAs('ada');
      expect(await admin.status(`/auth/sessions/${one.sessionHandle}`, 'DELETE')).toBe(200);
      expect(await admin.status('/auth/sessions', 'DELETE')).toBe(200);
      expect(await sessions.explain(one.sessionHandle)).toMatchObject({
        reason: 'revoked',
        detail: 'admin',
      });
      expect(await sessions.explain(other.sessionHandle)).toMatchObject({
        reason: 'revoked-others',
        detail: 'admin',
      });
    });

    it('sees and ends the sessions of the user, unless the routes forbid it', async () => {
      await boot();
      const ada = await visitor('ada');
      const { admin } = await actingAs('ada');
      expect(await admin.status('/auth/sessions')).toBe(200);
      expect(await admin.status('/auth/sessions', 'DELETE')).toBe(200);
      expect(await ada.status('/me')).toBe(401);
      await booted.close();
      await boot({ routes: { sessionList: { decorators: [ForbidImpersonation()] } } });
      const bob = await visitor('bob');
      const { admin: other } = await actingAs('bob');
      expect(await other.status('/auth/sessions')).toBe(403);
      expect(await other.status('/auth/sessions', 'DELETE')).toBe(403);
      expect([await bob.status('/me'), await bob.status('/auth/sessions')]).toEqual([200, 200]);
    });

    it('has only the claims that are granted to who acts, and is told from the user by handle', async () => {
      const rights = new PermissionClaim({
        fetchValue: ({ accessTokenPayload: { act } }) =>
          act === undefined ? ['read', 'write'] : ['read'],
      });
      const nobodyActs = {
        id: 'nobody-acts',
        validate: ({ act }: Readonly<Record<string, unknown>>) => ({ isValid: act === undefined }),
      };
      await boot({ claims: [rights], globalClaimValidators: [nobodyActs] });
      const { own, handle } = await actingAs('ada');
      const rightsOf = async (of: string) => sessions.getClaimValue(of, rights);
      expect(await rightsOf(own.sessionHandle)).toMatchObject({ value: ['read', 'write'] });
      expect(await rightsOf(handle)).toMatchObject({ value: ['read'] });
      await sessions.fetchAndSetClaim(handle, rights);
      expect(await rightsOf(handle)).toMatchObject({ value: ['read'] });
      expect(await sessions.validateClaimsForSessionHandle(handle)).toMatchObject({
        invalidClaims: [{ id: 'nobody-acts' }],
      });
      expect(await sessions.validateClaimsForSessionHandle(own.sessionHandle)).toMatchObject({
        invalidClaims: [],
      });
    });

    it('takes nobody’s place, whatever the limit', async () => {
      await boot({ maxSessionsPerUser: { max: 1, onLimit: 'refuse' } });
      const ada = await visitor('ada');
      const { admin } = await actingAs('ada');
      expect([await ada.status('/me'), await admin.status('/me')]).toEqual([200, 200]);
      expect((await ada.post('/auth/signout')).status).toBe(200);
      const later = await visitor('ada');
      expect(await later.status('/me')).toBe(200);
    });

    it('acts as the user of the same id in another tenant', async () => {
      await boot();
      const { admin } = await actingAs('admin', 'cookie', { tenantId: 'acme' });
      expect((await admin.get('/me')).json).toMatchObject({
        userId: 'admin',
        actor: { userId: 'admin', tenantId: 'public' },
      });
    });

    it('acts as one at a time: the next takes the place of the last', async () => {
      await boot();
      const { admin, handle } = await actingAs('ada');
      await admin.back();
      await admin.post('/act', { userId: 'bob' });
      expect((await admin.get('/me')).json).toMatchObject({ userId: 'bob' });
      expect(await sessions.explain(handle)).toMatchObject({ reason: 'impersonation-ended' });
    });

    it('says who acted in the one whose place another takes', async () => {
      await boot();
      const tab = booted.client();
      await tab.post('/login', { userId: 'admin' });
      const headers = { cookie: await tab.jar.getCookieString(booted.url) };
      const { handle } = (await tab.post('/act', { userId: 'ada' })).json as { handle: string };
      const next = await booted.client().post('/act', { userId: 'bob' }, { headers });
      expect(next.status).toBe(201);
      expect(await sessions.explain(handle)).toMatchObject({
        reason: 'impersonation-ended',
        detail: 'admin',
      });
    });

    it('is told of by events, with the reason', async () => {
      await boot();
      const { admin, own, handle } = await actingAs('ada');
      await admin.back();
      const facts = {
        actorId: 'admin',
        actorSessionHandle: own.sessionHandle,
        userId: 'ada',
        tenantId: 'public',
        sessionHandle: handle,
        reason: 'ticket 7',
      };
      const named = (name: string) =>
        events.filter((each) => each.name === name).map(({ event }) => event);
      expect(named('impersonationStarted')).toMatchObject([facts]);
      expect(named('impersonationEnded')).toMatchObject([facts]);
      expect(named('created')).toMatchObject([{ userId: 'admin' }, { actorId: 'admin' }]);
      expect(named('revoked')).toMatchObject([
        { sessionHandle: handle, reason: 'impersonation-ended', detail: 'admin' },
      ]);
    });

    it.each([
      ['everything', 'ada', 'public', () => sessions.revokeEverything(), 'revoked-everything'],
      [
        'the tenant',
        'ada',
        'public',
        () => sessions.revokeAllSessionsOfTenant('public'),
        'revoked-tenant',
      ],
      [
        "the actor's tenant",
        'eve',
        'acme',
        () => sessions.revokeAllSessionsOfTenant('public'),
        'actor-ended',
      ],
    ])('is told of once where %s is revoked', async (_, userId, tenantId, revoke, reason) => {
      await boot();
      const { own, handle } = await actingAs(userId, 'cookie', { tenantId });
      booted.clock.advanceMs(1);
      await revoke();
      const named = (name: string) =>
        events.filter((each) => each.name === name).map(({ event }) => event);
      expect(named('impersonationEnded')).toMatchObject([
        {
          actorId: 'admin',
          actorSessionHandle: own.sessionHandle,
          tenantId,
          sessionHandle: handle,
        },
      ]);
      const revoked = named('revoked') as { sessionHandle: string; reason: string }[];
      expect(revoked.filter(({ sessionHandle }) => sessionHandle === handle)).toMatchObject([
        { reason },
      ]);
      expect(await sessions.explain(handle)).not.toEqual({ status: 'live' });
      expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
    });
  });

  it('is told of, and can be explained, where the own session gets new tokens', async () => {
    await boot();
    const admin = await visitor('admin', 'header');
    const own = await admin.access();
    const { accessToken } = admin;
    const { json } = await admin.post('/act', { userId: 'ada' });
    const { handle } = json as { handle: string };
    expect((await admin.send('POST', '/again', undefined, accessToken)).status).toBe(201);
    const named = (name: string) =>
      events.filter((each) => each.name === name).map(({ event }) => event);
    expect(named('impersonationEnded')).toMatchObject([
      {
        actorId: 'admin',
        actorSessionHandle: own.sessionHandle,
        userId: 'ada',
        sessionHandle: handle,
        reason: 'ticket 7',
      },
    ]);
    expect(named('revoked')).toMatchObject([
      { sessionHandle: own.sessionHandle, reason: 'reauthenticated' },
      { sessionHandle: handle, reason: 'actor-ended', detail: 'admin' },
    ]);
    expect(await sessions.explain(handle)).toMatchObject({ reason: 'actor-ended' });
    expect(await sessions.listSessions('ada')).toEqual([]);
    const next = await admin.post('/act', { userId: 'ada' });
    expect(next.status).toBe(201);
    expect(named('impersonationEnded')).toHaveLength(1);
  });

  it.each([
    ['absolute', { absoluteTimeout: '30m' }],
    ['idle', { accessTokenLifetime: '20m', refreshTokenLifetime: '30m' }],
  ] as const)('never lasts longer than the own session: %s', async (_, options) => {
    await boot(options);
    const admin = await visitor('admin');
    const endsAt = booted.clock.now() / 1000 + 30 * 60;
    booted.clock.advance('15m');
    expect((await admin.post('/act', { userId: 'ada', lifetime: '1h' })).status).toBe(201);
    expect((await admin.access()).exp).toBe(endsAt);
    booted.clock.advance('14m');
    expect(await admin.status('/me')).toBe(200);
    booted.clock.advance('1m');
    expect(await admin.status('/me')).toBe(401);
    expect((await admin.refresh()).status).toBe(401);
  });

  it.each([
    ['signs out', '/auth/signout', 'sign-out'],
    ['logs in anew', '/login', 'replaced-by-login'],
  ])('%s as both by the refresh token alone', async (_, path, reason) => {
    await boot();
    const { admin, own, handle } = await actingAs('ada', 'header');
    const answer = await admin.send('POST', path, { userId: 'eve' }, admin.refreshToken);
    expect(answer.status).toBeLessThan(300);
    for (const [each, detail] of [
      [own.sessionHandle, null],
      [handle, 'admin'],
    ] as const) {
      expect(await sessions.explain(each)).toMatchObject({ status: 'ended', reason, detail });
    }
  });

  describe('in a browser', () => {
    it('AS5: leaves no way back to the next who logs in', async () => {
      await boot();
      const { admin, own, handle } = await actingAs('ada');
      await admin.post('/login', { userId: 'bob' });
      expect((await admin.get('/me')).json).toEqual({ userId: 'bob', actor: null });
      expect((await admin.back()).status).toBe(401);
      for (const each of [own.sessionHandle, handle]) {
        expect(await sessions.explain(each)).toMatchObject({ status: 'ended' });
      }
    });

    it("AS6: neither begins nor ends for another site's page", async () => {
      await boot();
      const admin = booted.client('https://api.example.com');
      await admin.post('/login', { userId: 'admin' });
      const evil = { headers: { origin: 'https://evil.example' } };
      expect((await admin.post('/act', { userId: 'ada' }, evil)).status).toBe(401);
      await admin.post('/act', { userId: 'ada' });
      expect((await admin.post('/back', undefined, evil)).status).toBe(401);
      expect((await admin.get('/me')).json).toMatchObject({ userId: 'ada' });
    });

    it('AS6: does not begin by a link of another site on a GET, nor with `antiCsrfCheck: false`', async () => {
      await boot();
      const admin = booted.client('https://api.example.com');
      await admin.post('/login', { userId: 'admin' });
      const evil = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
      const link = {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      };
      for (const [method, headers] of [
        ['GET', link],
        ['POST', evil],
      ] as const) {
        const refused = await admin.send(method, '/act-unchecked', { headers });
        expect([refused.status, refused.json]).toMatchObject([403, { code: 'CROSS_SITE_REQUEST' }]);
        expect(refused.setCookies).toEqual([]);
      }
      expect((await admin.get('/me')).json).toEqual({ userId: 'admin', actor: null });
      expect((await admin.post('/act-unchecked')).status).toBe(200);
    });

    it('needs the token of the page with antiCsrf VIA_TOKEN, at both ends', async () => {
      await boot({ antiCsrf: 'VIA_TOKEN' });
      const admin = booted.client();
      const tokenOf = ({ headers }: Answer) => ({
        headers: { 'anti-csrf': String(headers['anti-csrf']) },
      });
      const own = tokenOf(await admin.post('/login', { userId: 'admin' }));
      const acting = tokenOf(await admin.post('/act', { userId: 'ada' }, own));
      expect((await admin.post('/back')).status).toBe(401);
      const back = await admin.post('/back', undefined, acting);
      expect(back.json).toEqual({ userId: 'admin' });
      const refresh = await admin.post('/auth/session/refresh', undefined, tokenOf(back));
      expect(refresh.status).toBe(200);
    });

    it.each(['the user ended it', 'its time was over'])(
      'comes back with antiCsrf VIA_TOKEN by a page of ours alone, once %s',
      async (how) => {
        await boot({ antiCsrf: 'VIA_TOKEN' });
        const admin = booted.client();
        const tokenOf = ({ headers }: Answer) => ({ 'anti-csrf': String(headers['anti-csrf']) });
        const own = tokenOf(await admin.post('/login', { userId: 'admin' }));
        const asked = { userId: 'ada', lifetime: '5m' };
        const begun = await admin.post('/act', asked, { headers: own });
        const acting = tokenOf(begun);
        if (how === 'its time was over') booted.clock.advance('6m');
        else await sessions.revokeSession((begun.json as { handle: string }).handle);
        const path = '/auth/session/refresh';
        const over = await admin.post(path, undefined, { headers: { ...acting, rid: 'session' } });
        expect([over.status, over.headers['front-token']]).toEqual([401, 'remove']);
        for (const headers of [
          {},
          { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
          { 'sec-fetch-site': 'same-site', origin: booted.url.replace('127.0.0.1', 'localhost') },
          { 'sec-fetch-site': 'none' },
        ]) {
          expect((await admin.post('/back', undefined, { headers })).status).toBe(401);
        }
        const headers = { 'sec-fetch-site': 'same-origin', origin: booted.url };
        const back = await admin.post('/back', undefined, { headers });
        expect([back.status, back.json]).toEqual([201, { userId: 'admin' }]);
        expect((await admin.post(path, undefined, { headers: tokenOf(back) })).status).toBe(200);
        expect((await admin.get('/me')).json).toMatchObject({ userId: 'admin' });
      },
    );

    it('does not begin without the refresh token: an access token comes to none by this', async () => {
      await boot();
      const admin = booted.client();
      const login = await admin.post('/login', { userId: 'admin' });
      const cookie = login.setCookies.find((line) => line.includes('sAccessToken')) ?? '';
      const thief = booted.client();
      const headers = { cookie: cookie.split(';', 1)[0] ?? '' };
      const answer = await thief.post('/act', { userId: 'ada' }, { headers });
      expect([answer.status, answer.setCookies]).toEqual([401, []]);
    });

    it('keeps both waiting tokens from scripts, and Secure as the others', async () => {
      await boot();
      const admin = booted.client();
      await admin.post('/login', { userId: 'admin' });
      const { setCookies } = await admin.post('/act', { userId: 'ada' });
      const waiting = setCookies.find((line) => line.includes('sRefreshToken-actor='));
      expect(waiting).toMatch(/HttpOnly/);
      const names = (lines: string[]) => lines.map((line) => line.split('=', 1)[0]);
      expect(names(setCookies)).toHaveLength(3);
      const back = await admin.post('/back');
      expect(back.setCookies.find((line) => line.includes('-actor='))).toMatch(/Max-Age=0/);
    });

    it('leaves no cookie that outlives the browser of who logged in for this visit', async () => {
      await boot();
      const admin = booted.client();
      await admin.post('/login-for-this-visit');
      const { setCookies } = await admin.post('/act', { userId: 'ada' });
      expect(setCookies.filter((line) => line.includes('-actor='))).toHaveLength(1);
      expect(setCookies).toHaveLength(3);
      for (const line of setCookies) expect(line).not.toMatch(/Max-Age|Expires/i);
    });

    it.each(['cookie', 'header'] as const)(
      'comes back by no waiting token of a method that is not allowed, where tokens come by %s alone',
      async (method) => {
        await boot({ tokenTransferMethod: method });
        const { admin, waiting } = await actingAs('ada', method);
        const token = waiting ?? (await admin.waitingCookie());
        const headers: Record<string, string> =
          method === 'cookie'
            ? { authorization: `Bearer ${token}` }
            : { cookie: `sRefreshToken-actor=${token}` };
        const refused = await booted.client().post('/back', undefined, { headers });
        expect([refused.status, refused.setCookies]).toEqual([401, []]);
        expect(refused.headers).not.toHaveProperty('st-access-token');
        expect((await admin.back(token)).json).toEqual({ userId: 'admin' });
      },
    );

    it('comes back where another tab refreshed while the impersonation began', async () => {
      let release = (): void => undefined;
      let isFetching = false;
      const held = new Promise<void>((resolve) => (release = resolve));
      const slow = new PrimitiveClaim<string>({
        key: 'slow',
        fetchValue: async ({ userId }) => {
          if (userId === 'ada') {
            isFetching = true;
            await held;
          }
          return 'fetched';
        },
      });
      await boot({ claims: [slow] });
      const admin = booted.client();
      await admin.post('/login', { userId: 'admin' });
      const beginning = admin.post('/act', { userId: 'ada' });
      await expect.poll(() => isFetching).toBe(true);
      await refreshElsewhere(admin);
      release();
      expect((await beginning).status).toBe(201);
      booted.clock.advanceMs(60_000);
      expect((await admin.post('/back')).json).toEqual({ userId: 'admin' });
      expect((await admin.get('/me')).status).toBe(200);
    });

    it.each([
      ['in time', '1m'],
      ['late', '10m'],
    ] as const)(
      'loses no session where another tab refreshed before the answer came: %s',
      async (_, after) => {
        await boot();
        const admin = booted.client();
        await admin.post('/login', { userId: 'admin' });
        const jar = await admin.jar.getCookieString(booted.url);
        await admin.post('/act', { userId: 'ada', lifetime: '5m' });
        const other = await refreshElsewhere(admin, jar);
        booted.clock.advance(after);
        expect((await admin.post('/back')).status).toBe(401);
        expect((await other.get('/strict')).status).toBe(200);
        expect(await sessions.getAllSessionHandlesForUser('admin')).toHaveLength(1);
      },
    );

    /** Refreshes as often, and uses each access token. */
    async function refreshTimes(client: HttpClient, times: number): Promise<void> {
      for (let count = 0; count < times; count += 1) {
        booted.clock.advanceMs(61_000);
        expect((await client.post('/auth/session/refresh')).status).toBe(200);
        expect((await client.get('/me')).status).toBe(200);
      }
      booted.clock.advanceMs(61_000);
    }

    it('loses no session where other tabs have refreshed twice since the beginning', async () => {
      await boot();
      const admin = booted.client();
      await admin.post('/login', { userId: 'admin' });
      const headers = { cookie: await admin.jar.getCookieString(booted.url) };
      await admin.post('/act', { userId: 'ada' });
      const crossing = await booted.client().post('/auth/session/refresh', {}, { headers });
      for (const line of crossing.setCookies) await admin.jar.setCookie(line, booted.url);
      expect((await admin.get('/me')).json).toMatchObject({ userId: 'admin' });
      await refreshTimes(admin, 2);
      const refused = await admin.post('/back');
      expect([refused.status, refused.json]).toMatchObject([401, { code: 'UNAUTHORISED' }]);
      expect(refused.setCookies).toEqual([]);
      expect((await admin.get('/strict')).status).toBe(200);
      await refreshTimes(admin, 1);
    });

    describe('of whom a thief has a refresh token', () => {
      /** The thief's cookie, with a token of somebody who never acted as anybody. */
      const stolen = (token = '') => ({ headers: { cookie: `sRefreshToken-actor=${token}` } });

      it('R1: loses the session to no silent test of a spent one', async () => {
        await boot();
        const owner = booted.client();
        await owner.post('/login', { userId: 'owner' });
        const spent = await owner.cookie('sRefreshToken');
        await refreshElsewhere(owner);
        booted.clock.advanceMs(60_000);
        const answer = await booted.client().post('/back', undefined, stolen(spent));
        expect([answer.status, answer.json]).toMatchObject([401, { code: 'TOKEN_THEFT_DETECTED' }]);
        expect(await sessions.getAllSessionHandlesForUser('owner')).toEqual([]);
      });

      it('R1: loses the session to no silent test of two spent ones at once', async () => {
        await boot();
        const owner = booted.client();
        await owner.post('/login', { userId: 'owner' });
        const first = await owner.cookie('sRefreshToken');
        await refreshTimes(owner, 1);
        const second = await owner.cookie('sRefreshToken');
        await refreshTimes(owner, 2);
        const cookie = `sRefreshToken-actor=${first}; sRefreshToken=${second}`;
        const answer = await booted.client().post('/back', undefined, { headers: { cookie } });
        expect([answer.status, answer.json]).toMatchObject([401, { code: 'TOKEN_THEFT_DETECTED' }]);
        expect(await sessions.getAllSessionHandlesForUser('owner')).toEqual([]);
      });

      it('D1: counts as who refreshes, unless nothing is shown or another site asks', async () => {
        await boot({ rateLimit: { refreshes: { max: 2, per: '1m' } } });
        const owner = booted.client();
        await owner.post('/login', { userId: 'owner' });
        const own = stolen(await owner.cookie('sRefreshToken'));
        const evil = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
        const thief = booted.client();
        const statuses: number[] = [];
        for (const asked of [{}, { headers: { ...own.headers, ...evil } }, own, own, own])
          statuses.push((await thief.post('/back', undefined, asked)).status);
        expect(statuses).toEqual([401, 401, 401, 401, 429]);
      });

      it.each([
        ['a cookie', stolen],
        ['a header', (token: string) => ({ headers: { authorization: `Bearer ${token}` } })],
      ])('D1: counts guesses in %s as failures, and no token of ours', async (__, shown) => {
        await boot({ rateLimit: { failures: { max: 2, per: '1m' } } });
        const owner = booted.client();
        await owner.post('/login', { userId: 'owner' });
        const token = (await owner.cookie('sRefreshToken')) ?? '';
        await owner.post('/auth/signout');
        const guess = `${token.slice(0, -6)}AAAAAA`;
        const statuses: number[] = [];
        for (const each of [token, token, guess, guess, guess, token])
          statuses.push((await booted.client().post('/back', undefined, shown(each))).status);
        expect(statuses).toEqual([401, 401, 401, 401, 429, 401]);
      });
    });

    it('comes back by no token of a session from which nobody acts, and such a token stays good', async () => {
      await boot();
      const { admin } = await actingAs('ada', 'header');
      const bob = await visitor('bob', 'header');
      for (const client of [admin, bob]) {
        expect((await client.back(client.refreshToken)).status).toBe(401);
        expect(await client.status('/me')).toBe(200);
        expect((await client.refresh()).status).toBe(200);
      }
    });

    it('D1: fails no login by a header of the proxy where tokens come in cookies alone', async () => {
      const rateLimit = { failures: { max: 2, per: '1m' } } as const;
      await boot({ rateLimit, tokenTransferMethod: 'cookie' });
      const ofProxy = { headers: { authorization: 'Bearer of-the-proxy' } };
      for (const _ of ['once', 'twice', 'thrice']) {
        expect((await booted.client().post('/back', undefined, ofProxy)).status).toBe(401);
      }
      expect((await booted.client().post('/login', { userId: 'ada' })).status).toBe(201);
    });

    it('comes back where the database failed right after the impersonation had begun', async () => {
      await boot();
      const admin = booted.client();
      await admin.post('/login', { userId: 'admin' });
      let times = 0;
      const { findActor } = SessionImpersonator.prototype;
      const failing = vi
        .spyOn(SessionImpersonator.prototype, 'findActor')
        .mockImplementation(function (this: SessionImpersonator, ...given) {
          times += 1;
          if (times > 1) return Promise.reject(new SessionStoreUnavailableException());
          return findActor.apply(this, given);
        });
      const begun = await admin.post('/act', { userId: 'ada' });
      failing.mockRestore();
      expect([begun.status, times]).toEqual([201, 2]);
      expect((await admin.post('/back')).json).toEqual({ userId: 'admin' });
    });

    /** The cookies of somebody who acts, and the one that waits. */
    async function actingCookies(actor: string): Promise<{ waiting: string; others: string }> {
      const client = booted.client();
      await client.post('/login', { userId: actor });
      await client.post('/act', { userId: 'ada' });
      const pairs = (await client.jar.getCookieString(booted.url)).split('; ');
      const isWaiting = (pair: string) => pair.includes('-actor=');
      const others = pairs.filter((pair) => !isWaiting(pair)).join('; ');
      return { waiting: pairs.find(isWaiting) ?? '', others };
    }
    const back = (...cookies: string[]) =>
      booted.client().post('/back', undefined, { headers: { cookie: cookies.join('; ') } });

    it('comes back as who acts, whatever waiting token another host has planted', async () => {
      await boot();
      const [own, planted] = [await actingCookies('admin'), await actingCookies('mallory')];
      expect((await back(planted.waiting, own.waiting, own.others)).json).toEqual({
        userId: 'admin',
      });
      expect((await back(planted.waiting, own.others)).status).toBe(401);
      for (const cookies of [
        [planted.waiting, own.waiting],
        [planted.waiting, planted.others, own.waiting, own.others],
      ]) {
        const refused = await back(...cookies);
        expect([refused.status, refused.json]).toMatchObject([401, { message: 'unauthorised' }]);
      }
      booted.clock.advance('61m');
      expect((await back(planted.waiting, own.waiting, own.others)).json).toEqual({
        userId: 'admin',
      });
    });

    it('comes back by the newest of the waiting tokens of the session', async () => {
      await boot();
      const client = booted.client();
      await client.post('/login', { userId: 'admin' });
      await client.post('/act', { userId: 'ada' });
      const stale = (await client.jar.getCookieString(booted.url)).split('; ');
      const twin = stale.find((pair) => pair.includes('-actor=')) ?? '';
      for (let rounds = 0; rounds < 2; rounds += 1) {
        await client.post('/back');
        await client.get('/me');
        await refreshTimes(client, 1);
      }
      await client.post('/act', { userId: 'ada' });
      const answer = await back(twin, await client.jar.getCookieString(booted.url));
      expect([answer.status, answer.json]).toEqual([201, { userId: 'admin' }]);
    });

    it('comes back again where the answer was lost', async () => {
      await boot();
      const admin = booted.client();
      await admin.post('/login', { userId: 'admin' });
      await admin.post('/act', { userId: 'ada' });
      const jar = await admin.jar.getCookieString(booted.url);
      const lost = await booted.client().post('/back', undefined, { headers: { cookie: jar } });
      expect(lost.status).toBe(201);
      expect((await admin.post('/back')).json).toEqual({ userId: 'admin' });
      expect((await admin.get('/me')).json).toEqual({ userId: 'admin', actor: null });
    });
  });

  it.each([
    ['in time', {}],
    ['late', {}],
    ['late', { refreshGracePeriod: 0 }],
    ['late', { antiCsrf: 'VIA_TOKEN' }],
  ] as const)('is back after two clicks at once: %s, %j', async (when, options) => {
    await boot(options);
    const admin = booted.client();
    const tokenOf = ({ headers }: Answer) => ({ 'anti-csrf': String(headers['anti-csrf']) });
    const own = tokenOf(await admin.post('/login', { userId: 'admin' }));
    const asked = { userId: 'ada', lifetime: '5m' };
    const acting = tokenOf(await admin.post('/act', asked, { headers: own }));
    if (when === 'late') {
      booted.clock.advance('6m');
      await admin.post('/auth/session/refresh', undefined, { headers: acting });
    }
    const headers = when === 'late' ? { rid: 'session' } : acting;
    const click = () => admin.post('/back', undefined, { headers });
    const statuses = (await Promise.all([click(), click()])).map(({ status }) => status);
    const isGiven = !('refreshGracePeriod' in options);
    expect(statuses.toSorted((x, y) => x - y)).toEqual([201, isGiven ? 201 : 401]);
    expect((await admin.get('/strict')).status).toBe(200);
    expect((await admin.get('/me')).json).toEqual({ userId: 'admin', actor: null });
  });

  describe('is refused', () => {
    beforeEach(() => boot());

    it('where it is asked for wrongly, by the name of what is wrong', async () => {
      const admin = await visitor('admin');
      for (const [asked, problem] of [
        [{ userId: 'admin' }, 'another user'],
        [{ userId: '' }, 'userId'],
        [{ userId: 7 }, 'userId'],
        [{ userId: 'ada', reason: '' }, 'reason'],
        [{ userId: 'ada', reason: 'x'.repeat(256) }, 'reason'],
        [{ userId: 'ada', lifetime: '2d' }, 'lifetime'],
        [{ userId: 'ada', lifetime: 'long' }, 'lifetime'],
        [{ userId: 'ada', tenantId: 5 }, 'tenantId'],
        [{ userId: 'ada', actor: {} }, 'actor'],
      ] as const) {
        const answer = await admin.post('/act', asked);
        expect
          .soft([answer.status, JSON.stringify(answer.json)])
          .toEqual([400, expect.stringContaining(problem)]);
      }
      expect((await admin.get('/me')).json).toMatchObject({ userId: 'admin' });
    });

    it('AS1: where a login, or a merge, says by itself who acts', async () => {
      const mallory = await visitor('mallory');
      expect((await mallory.post('/forged')).status).toBe(400);
      const act = { sub: 'admin', sid: 'x', tId: 'public' };
      expect((await mallory.post('/merge', { act })).status).toBe(400);
      const { handle } = await actingAs('ada');
      await expect(sessions.mergeIntoAccessTokenPayload(handle, { act })).rejects.toThrow('act');
      await sessions.mergeIntoAccessTokenPayload(handle, { act: null });
      expect(await sessions.explain(handle)).toMatchObject({ actor: { userId: 'admin' } });
    });

    it('to a session that is bound to a device', async () => {
      const controllers = [LoginController, AdminController];
      const scene = await BoundScene.open(platform, 'sqlite', {}, { controllers });
      onTestFinished(() => scene.close());
      const act = { body: { userId: 'ada' } };
      const bound = await scene.loggedIn({}, { userId: 'admin' });
      const refused = await bound.send('POST', '/act', act);
      expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('bound')]);
      expect((await bound.send('GET', '/me')).text).toContain('"userId":"admin"');
      const other = await scene.loggedIn({ canBind: false }, { userId: 'admin' });
      expect((await other.send('POST', '/act', act)).status).toBe(201);
    });

    it('once all sessions of the actor are revoked', async () => {
      const admin = await visitor('admin');
      const { sessionHandle } = await admin.access();
      expect((await admin.post('/act', { userId: 'ada' })).status).toBe(201);
      await sessions.revokeAllSessionsForUser('admin');
      expect((await sessions.explain(sessionHandle)).status).toBe('ended');
      expect(await admin.status('/me')).toBe(401);
      expect(await admin.status('/strict')).toBe(401);
    });
  });
});

@Resolver()
class ActingResolver {
  constructor(private readonly sessions: SessionService) {}

  @Query(() => String)
  @VerifySession()
  who(@CurrentSession() session: SessionContainer): string {
    return `${session.getUserId()} by ${session.getActor()?.userId ?? 'themselves'}`;
  }

  @Mutation(() => Boolean)
  @VerifySession()
  async act(
    @CurrentSession() actor: SessionContainer,
    @Args('userId', { type: () => String }) userId: string,
    @Context('req') req: { res: object },
  ): Promise<boolean> {
    await this.sessions.impersonate(req, req.res, { actor, userId, reason: 'ticket 7' });
    return true;
  }

  @Mutation(() => Boolean)
  async back(@Context('req') req: { res: object }): Promise<boolean> {
    await this.sessions.endImpersonation(req, req.res);
    return true;
  }

  @Mutation(() => Boolean)
  @ForbidImpersonation()
  send(): boolean {
    return true;
  }
}

describe('who acts as a user on GraphQL', () => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  it('does so by mutations, is kept out of some, and comes back', async () => {
    booted = await bootApp({
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
      ],
      controllers: [LoginController],
      providers: [ActingResolver],
    });
    const client = booted.client();
    const ask = async (query: string) => {
      const { json } = await client.post('/graphql', { query });
      const { data, errors } = json as {
        data: object | null;
        errors?: { extensions: { code: string } }[];
      };
      return data ?? errors?.[0]?.extensions.code;
    };
    await client.post('/login', { userId: 'admin' });
    expect(await ask('mutation { act(userId: "ada") }')).toEqual({ act: true });
    expect(await ask('{ who }')).toEqual({ who: 'ada by admin' });
    expect(await ask('mutation { send }')).toBe('FORBIDDEN');
    expect(await ask('mutation { act(userId: "bob") }')).toBe('FORBIDDEN');
    expect(await ask('mutation { back }')).toEqual({ back: true });
    expect(await ask('{ who }')).toEqual({ who: 'admin by themselves' });
    expect(await ask('mutation { back }')).toBe('UNAUTHENTICATED');
  });
});
