import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Controller, Get, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  BooleanClaim,
  Clock as IssuerClockProvider,
  SessionContainer,
  SessionService,
  UserRoleClaim,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { FakeClock } from '../../lib/testing/index.js';
import { IssuerFeed } from '../../lib/verifier/issuer-feed.js';
import {
  CurrentSession,
  ForbidImpersonation,
  PublicAccess,
  ReadonlySession,
  RequireFresh,
  SessionConfigurationError,
  SessionEventBus,
  SessionGuard,
  SessionVerification,
  VerifySession,
  type SessionVerifierOptions,
} from '../../lib/verifier/index.js';
import { VerifySession as VerifySessionOfIssuer } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { send, type Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { bootVerifier, FEED_SECRET, ISSUER, type BootedVerifier } from '../support/verifier-app.js';

let roles: string[] | 'away' = [];
const roleClaim = new UserRoleClaim({
  fetchValue: () => {
    if (roles === 'away') throw new Error('away');
    return roles;
  },
});
let factor: boolean | undefined;
const secondFactor = new BooleanClaim({ key: '2fa', fetchValue: () => factor });

@Controller()
class OrdersController {
  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: ReadonlySession): object {
    return { ...session.toJSON(), isContainer: session instanceof SessionContainer };
  }

  @Post('orders')
  @VerifySession()
  order(@CurrentSession('sub') userId: string): object {
    return { userId };
  }

  @Get('maybe')
  @VerifySession({ sessionRequired: false })
  maybe(@CurrentSession() session?: ReadonlySession): object {
    return { userId: session?.getUserId() ?? null };
  }

  @Get('admin')
  @VerifySession({ roles: ['admin'] })
  admin(): object {
    return { ok: true };
  }

  @Get('transfer')
  @VerifySession({
    overrideGlobalClaimValidators: (globalValidators) => [
      ...globalValidators,
      secondFactor.validators.isTrue(),
    ],
  })
  transfer(): object {
    return { ok: true };
  }

  @Get('fresh')
  @RequireFresh('10m')
  fresh(): object {
    return { ok: true };
  }

  @Get('private')
  @ForbidImpersonation()
  private(): object {
    return { ok: true };
  }

  @Get('open')
  @PublicAccess()
  open(): object {
    return { ok: true };
  }
}

describe.each(platforms)('a service without a database on %s', (platform) => {
  const clock = new FakeClock();
  let issuer: BootedApp;
  let sessions: SessionService;
  let service: BootedVerifier | undefined;

  beforeEach(async () => {
    roles = ['admin'];
    issuer = await bootApp({
      clock,
      sessions: {
        issuer: ISSUER,
        revocation: { pollInterval: '1h', maxStaleness: '1d' },
        claims: [roleClaim, secondFactor],
        routes: { revocations: { secrets: [FEED_SECRET] } },
      },
    });
    sessions = issuer.app.get(SessionService);
  });

  afterEach(async () => {
    await service?.close();
    service = undefined;
    await issuer.close();
  });

  async function boot(
    options: Partial<SessionVerifierOptions> = {},
    more: Partial<Parameters<typeof bootVerifier>[0]> = {},
  ): Promise<BootedVerifier> {
    service = await bootVerifier({
      platform,
      clock,
      controllers: [OrdersController],
      options: {
        issuer: ISSUER,
        url: `${issuer.url}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '1h', maxStaleness: '1d' },
        ...options,
      },
      ...more,
    });
    return service;
  }

  const poll = (): Promise<void> | undefined => service?.app.get(IssuerFeed).poll();

  function ask(
    path: string,
    token?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const method = path === 'orders' ? 'POST' : 'GET';
    return send(`${service?.url}/${path}`, method, { headers: { ...authorization, ...headers } });
  }

  const logIn = (userId = 'alice'): Promise<SessionContainer> =>
    sessions.createNewSessionWithoutRequestResponse('public', userId);

  it('gives handlers the session of the issuer’s token, to be read alone', async () => {
    await boot();
    const session = await logIn();
    const answer = await ask('me', session.getAccessToken());
    expect(answer).toMatchObject({
      status: 200,
      json: { ...session.toJSON(), isContainer: false },
    });
    expect((await ask('orders', session.getAccessToken())).json).toEqual({ userId: 'alice' });
  });

  it('refuses who acts as the user where a route forbids that', async () => {
    await boot();
    const own = await logIn();
    expect((await ask('private', own.getAccessToken())).json).toEqual({ ok: true });
    const actor = await logIn('support');
    const { refreshToken } = actor.getAllSessionTokensDangerously();
    const request = Object.assign(new IncomingMessage(new Socket()), {
      method: 'POST',
      headers: {
        host: 'api.example.com',
        'st-auth-mode': 'header',
        authorization: `Bearer ${refreshToken}`,
      },
    });
    const how = { actor, userId: 'alice', reason: 'ticket 7' };
    const acting = await sessions.impersonate(request, new ServerResponse(request), how);
    expect((await ask('me', acting.getAccessToken())).status).toBe(200);
    const answer = await ask('private', acting.getAccessToken());
    expect(answer).toMatchObject({ status: 403, json: { code: 'INVALID_CLAIMS' } });
  });

  it('asks for a session where one is required, as the issuer does', async () => {
    await boot();
    expect(await ask('me')).toMatchObject({
      status: 401,
      json: { code: 'UNAUTHORISED', message: 'unauthorised' },
    });
    expect(await ask('maybe')).toMatchObject({ status: 200, json: { userId: null } });
    expect((await ask('open')).status).toBe(200);
    const answer = await ask('me', (await logIn()).getAccessToken().replace(/.{9}$/, 'AAAAAAAAA'));
    expect(answer).toMatchObject({ status: 401, json: { code: 'TRY_REFRESH_TOKEN' } });
    expect(answer.setCookies).toEqual([]);
  });

  it('VF3: takes no token of another kind, issuer or audience', async () => {
    await boot();
    const { jwt } = await sessions.createJWT({ sub: 'alice', sessionHandle: 'x' });
    expect((await ask('me', jwt)).status).toBe(401);
    const { json } = await send(`${issuer.url}/auth/jwt/jwks.json`, 'GET');
    expect(json).toMatchObject({ keys: [{}, {}] });
    await service?.close();
    await boot({ audience: 'shop', revocations: false });
    expect((await ask('me', (await logIn()).getAccessToken())).status).toBe(401);
  });

  it('refuses an expired token', async () => {
    await boot();
    const token = (await logIn()).getAccessToken();
    clock.advanceMs(3_600_000);
    expect(await ask('me', token)).toMatchObject({
      status: 401,
      json: { message: 'try refresh token' },
    });
  });

  it('VF4: refuses a revoked session, a user’s sessions and all sessions once it has asked again', async () => {
    await boot();
    const [one, two, three] = [await logIn(), await logIn('bob'), await logIn('carol')];
    const ask3 = () =>
      Promise.all(
        [one, two, three].map(async (each) => (await ask('me', each.getAccessToken())).status),
      );
    expect(await ask3()).toEqual([200, 200, 200]);
    clock.advanceMs(1_000);
    await sessions.revokeSession(one.getHandle());
    await poll();
    expect(await ask3()).toEqual([401, 200, 200]);
    await sessions.revokeAllSessionsForUser('bob');
    await poll();
    expect(await ask3()).toEqual([401, 401, 200]);
    await sessions.revokeEverything();
    await poll();
    expect(await ask3()).toEqual([401, 401, 401]);
  });

  it('tells operators of its refusals, with their reason', async () => {
    await boot();
    const refused: object[] = [];
    service?.app.get(SessionEventBus).on('refused', (event) => void refused.push(event));
    const session = await logIn();
    await sessions.revokeSession(session.getHandle());
    await poll();
    await ask('me', session.getAccessToken());
    expect(refused).toMatchObject([{ at: 'verify', reason: 'session-revoked', userId: 'alice' }]);
  });

  it('VF5: answers 503 with Retry-After while its news are too old, the issuer’s own age added', async () => {
    await boot({ revocations: { secret: FEED_SECRET, pollInterval: '1h', maxStaleness: '2h' } });
    const token = (await logIn()).getAccessToken();
    expect((await ask('me', token)).status).toBe(200);
    // The issuer has had no news of its own since it began.
    clock.advanceMs(1_800_000);
    await poll();
    expect(service?.app.get(SessionVerification).health()).toMatchObject({
      revocationsAgeMs: 1_800_000,
      isStale: false,
    });
    await service?.close();
    await boot({ revocations: { secret: FEED_SECRET, pollInterval: '10m', maxStaleness: '20m' } });
    const answer = await ask('me', token);
    expect(answer).toMatchObject({
      status: 503,
      json: { code: 'SESSION_ISSUER_UNAVAILABLE', message: 'session issuer unavailable' },
    });
    expect(answer.headers['retry-after']).toBe('5');
    expect((await ask('open')).status).toBe(200);
    expect((await ask('me')).status).toBe(401);
  });

  it('hears the news that it missed while it was suspended at its first request, and refuses who was revoked', async () => {
    const { app } = await boot({
      revocations: { secret: FEED_SECRET, pollInterval: '10m', maxStaleness: '20m' },
    });
    const [gone, living] = [await logIn(), await logIn('bob')];
    expect((await ask('me', gone.getAccessToken())).status).toBe(200);
    await sessions.revokeSession(gone.getHandle());
    clock.advanceMs(1_800_000);
    await issuer.app.get(RevocationFeed).poll();
    const polls = vi.spyOn(app.get(IssuerFeed), 'poll');
    const answers = await Promise.all(
      [gone, living, living].map((each) => ask('me', each.getAccessToken())),
    );
    expect(answers.map(({ status }) => status)).toEqual([401, 200, 200]);
    expect(polls).toHaveBeenCalledTimes(1);
  });

  it('asks for missed news once in five seconds while the issuer is away, and answers 503', async () => {
    const { app } = await boot({
      revocations: { secret: FEED_SECRET, pollInterval: '10m', maxStaleness: '20m' },
    });
    const token = (await logIn()).getAccessToken();
    expect((await ask('me', token)).status).toBe(200);
    await issuer.close();
    clock.advanceMs(1_800_000);
    const polls = vi.spyOn(app.get(IssuerFeed), 'poll');
    for (const waitMs of [0, 4_999, 1]) {
      clock.advanceMs(waitMs);
      expect((await ask('me', token)).status).toBe(503);
    }
    expect(polls).toHaveBeenCalledTimes(2);
  });

  it('goes on with old news where `maxStaleness` is false', async () => {
    await boot({ revocations: { secret: FEED_SECRET, pollInterval: '1h', maxStaleness: false } });
    const token = (await logIn()).getAccessToken();
    expect((await ask('me', token)).status).toBe(200);
    await issuer.close();
    clock.advanceMs(3_000_000);
    expect((await ask('me', token)).status).toBe(200);
  });

  it('VF6: asks for a refresh where a claim that the route asks for is stale, and the refresh mends it', async () => {
    await boot();
    const session = await logIn();
    const { refreshToken } = session.getAllSessionTokensDangerously();
    expect((await ask('admin', session.getAccessToken())).status).toBe(200);
    clock.advanceMs(1_000);
    roles = [];
    await sessions.markClaimsStale('alice');
    await poll();
    const refusal = await ask('admin', session.getAccessToken());
    expect(refusal).toMatchObject({ status: 401, json: { message: 'try refresh token' } });
    expect((await ask('me', session.getAccessToken())).status).toBe(200);

    clock.advanceMs(60_000);
    const refreshed = await send(`${issuer.url}/auth/session/refresh`, 'POST', {
      headers: { authorization: `Bearer ${refreshToken}` },
    });
    const renewed = String(refreshed.headers['st-access-token']);
    expect(await ask('admin', renewed)).toMatchObject({
      status: 403,
      json: { code: 'INVALID_CLAIMS' },
    });
    roles = ['admin'];
  });

  it('asks for a refresh also where the stale claim was fetched while the issuer’s clock was ahead', async () => {
    await boot();
    clock.advanceMs(1_200_000);
    const session = await logIn();
    let { refreshToken = '' } = session.getAllSessionTokensDangerously();
    clock.advanceMs(-1_200_000);
    const refresh = async () => {
      const renewed = await sessions.refreshSessionWithoutRequestResponse(refreshToken);
      refreshToken = renewed.getAllSessionTokensDangerously().refreshToken ?? refreshToken;
      return renewed.getAccessToken();
    };
    const token = await refresh();
    expect((await ask('admin', token)).status).toBe(200);
    roles = [];
    await sessions.markClaimsStale('alice');
    await poll();
    expect((await ask('admin', token)).status).toBe(401);
    clock.advanceMs(60_000);
    expect((await ask('admin', await refresh())).status).toBe(403);
  });

  it.each([
    ['passes once there is one', true, 200],
    ['is refused while there is none', undefined, 403],
  ] as const)(
    'asks for a refresh where the claim that is stale has no value, and %s',
    async (_, found, status) => {
      await boot();
      const session = await logIn();
      const { refreshToken = '' } = session.getAllSessionTokensDangerously();
      expect((await ask('transfer', session.getAccessToken())).status).toBe(403);
      clock.advanceMs(60_000);
      factor = found;
      onTestFinished(() => void (factor = undefined));
      await sessions.markClaimsStale('alice');
      await poll();
      expect(await ask('transfer', session.getAccessToken())).toMatchObject({
        status: 401,
        json: { message: 'try refresh token' },
      });
      expect((await ask('me', session.getAccessToken())).status).toBe(200);
      clock.advanceMs(60_000);
      const renewed = await sessions.refreshSessionWithoutRequestResponse(refreshToken);
      expect((await ask('transfer', renewed.getAccessToken())).status).toBe(status);
    },
  );

  it('takes a claim that is only ever set for fresh once a refresh has found nothing to fetch', async () => {
    await boot();
    const session = await logIn();
    let { refreshToken } = session.getAllSessionTokensDangerously();
    await session.setClaimValue(secondFactor, true);
    let token = session.getAccessToken();
    expect((await ask('transfer', token)).status).toBe(200);
    for (let marks = 0; marks < 2; marks += 1) {
      clock.advanceMs(60_000);
      await sessions.markClaimsStale('alice');
      await poll();
      expect((await ask('transfer', token)).status).toBe(401);
      clock.advanceMs(60_000);
      const { headers } = await send(`${issuer.url}/auth/session/refresh`, 'POST', {
        headers: { authorization: `Bearer ${refreshToken}` },
      });
      token = String(headers['st-access-token']);
      refreshToken = String(headers['st-refresh-token'] ?? refreshToken);
      expect((await ask('transfer', token)).status).toBe(200);
    }
  });

  it('takes nobody for a guest whose token its own clock is too slow for, and warns of the clocks once', async () => {
    const slow = new FakeClock(clock.now() - 62_000);
    const log = new LogRecorder();
    await boot({ revocations: false }, { clock: slow, logger: log });
    const token = (await logIn()).getAccessToken();
    for (const path of ['maybe', 'me', 'maybe']) {
      expect(await ask(path, token)).toMatchObject({
        status: 401,
        json: { message: 'try refresh token' },
      });
    }
    expect(log.texts('warn')).toEqual([
      'An access token is not valid yet: the clock of this machine is over a minute behind that of the one that made it. Set both by NTP.',
    ]);
    slow.advanceMs(2_000);
    expect((await ask('maybe', token)).json).toEqual({ userId: 'alice' });
  });

  it('keeps the claims of a refresh that can’t fetch them stale, and the session', async () => {
    await boot();
    const session = await logIn();
    const { refreshToken = '' } = session.getAllSessionTokensDangerously();
    clock.advanceMs(1_000);
    await sessions.markClaimsStale('alice');
    await poll();
    roles = 'away';
    const broken = issuer.app.get(SessionService);
    const renewed = await broken.refreshSessionWithoutRequestResponse(refreshToken);
    expect((await ask('admin', renewed.getAccessToken())).status).toBe(401);
    expect((await ask('me', renewed.getAccessToken())).status).toBe(200);
    roles = ['admin'];
  });

  it('checks roles and freshness by the token', async () => {
    await boot();
    roles = ['user'];
    const token = (await logIn()).getAccessToken();
    expect(await ask('admin', token)).toMatchObject({
      status: 403,
      json: { claimValidationErrors: [{ id: 'st-role' }] },
    });
    expect((await ask('fresh', token)).status).toBe(200);
    clock.advanceMs(601_000);
    expect((await ask('fresh', token)).status).toBe(403);
  });

  it('reads cookies only where it is told to, with the issuer’s rule against other sites', async () => {
    await boot();
    const cookie = `sAccessToken=${(await logIn()).getAccessToken()}`;
    expect((await ask('me', undefined, { cookie })).status).toBe(401);
    await service?.close();
    await boot({ cookies: true });
    expect((await ask('me', undefined, { cookie })).status).toBe(200);
    const from = (site: string) => ask('orders', undefined, { cookie, 'sec-fetch-site': site });
    expect((await from('same-origin')).status).toBe(201);
    expect(await from('cross-site')).toMatchObject({
      status: 401,
      json: { message: 'try refresh token' },
    });
  });

  it('is kept from no good cookie by an expired one of another session beside it', async () => {
    await boot({ cookies: true });
    const over = (await logIn('bob')).getAccessToken();
    clock.advanceMs(2 * 3_600_000);
    const good = (await logIn()).getAccessToken();
    const cookie = [over, good].map((token) => `sAccessToken=${token}`).join('; ');
    expect(await ask('me', undefined, { cookie })).toMatchObject({
      status: 200,
      json: { userId: 'alice' },
    });
  });

  it('reads in production the cookies of an issuer that sets them without Secure, where it is told to', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    onTestFinished(() => void vi.unstubAllEnvs());
    const token = (await logIn()).getAccessToken();
    const status = async (name: string) =>
      (await ask('me', undefined, { cookie: `${name}=${token}` })).status;
    await boot({ cookies: true });
    expect([await status('sAccessToken'), await status('__Host-sAccessToken')]).toEqual([401, 200]);
    await service?.close();
    await boot({ cookies: { secure: false } });
    // A name that nobody else could set counts too, as of an issuer that used to set it.
    expect([await status('sAccessToken'), await status('__Host-sAccessToken')]).toEqual([200, 200]);
  });

  it('guards the whole application by the same guard', async () => {
    const { APP_GUARD } = await import('@nestjs/core');
    @Controller()
    class BareController {
      @Get('bare')
      bare(): object {
        return {};
      }
    }
    await boot(
      {},
      {
        controllers: [BareController],
        providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
      },
    );
    expect((await ask('bare')).status).toBe(401);
    expect((await ask('bare', (await logIn()).getAccessToken())).status).toBe(200);
  });

  it('verifies a token by hand', async () => {
    await boot();
    const verification = service?.app.get(SessionVerification);
    const session = await logIn();
    expect((await verification?.verify(session.getAccessToken()))?.getHandle()).toBe(
      session.getHandle(),
    );
    const forged = `${session.getAccessToken().slice(0, -5)}AAAAA`;
    for (const token of ['', 'x', forged]) {
      expect(await verification?.verify(token, { sessionRequired: false })).toBeUndefined();
      const code = token === forged ? 'TRY_REFRESH_TOKEN' : 'UNAUTHORISED';
      await expect(verification?.verify(token)).rejects.toMatchObject({ code });
    }
    clock.advanceMs(3_600_000);
    await poll();
    for (const sessionRequired of [true, false]) {
      const verified = verification?.verify(session.getAccessToken(), { sessionRequired });
      await expect(verified).rejects.toMatchObject({ code: 'TRY_REFRESH_TOKEN' });
    }
  });

  it('VF7: drops a key that the issuer has revoked, and learns a new one at once', async () => {
    await boot();
    const before = (await logIn()).getAccessToken();
    expect((await ask('me', before)).status).toBe(200);
    const [kid = ''] = sessions.getJWKS().keys.map((key) => key.kid);
    clock.advanceMs(20_000);
    await sessions.revokeKey(kid);
    const after = (await logIn()).getAccessToken();
    expect((await ask('me', after)).status).toBe(200);
    await poll();
    expect((await ask('me', before)).status).toBe(401);
    expect((await ask('me', after)).status).toBe(200);
  });

  it('drops a revoked key that no feed has named since the keys were read', async () => {
    await boot();
    const before = (await logIn()).getAccessToken();
    await poll();
    const [kid = ''] = sessions.getJWKS().keys.map((key) => key.kid);
    clock.advanceMs(1_000);
    await sessions.revokeKey(kid);
    await poll();
    expect((await ask('me', before)).status).toBe(401);
  });

  it('drops a revoked key at the next reading of the keys where it has no feed', async () => {
    await boot({ revocations: false });
    const before = (await logIn()).getAccessToken();
    expect((await ask('me', before)).status).toBe(200);
    const [kid = ''] = sessions.getJWKS().keys.map((key) => key.kid);
    clock.advanceMs(20_000);
    await sessions.revokeKey(kid);
    // Its key is unknown, so the keys are read again.
    expect((await ask('me', (await logIn()).getAccessToken())).status).toBe(200);
    expect((await ask('me', before)).status).toBe(401);
  });

  it('finds the keys at its own address of an issuer whose name ends with a slash', async () => {
    await issuer.close();
    const name = `${ISSUER}/`;
    const routes = { revocations: { secrets: [FEED_SECRET] } };
    issuer = await bootApp({ clock, sessions: { issuer: name, routes } });
    sessions = issuer.app.get(SessionService);
    await boot({ issuer: name });
    expect((await ask('me', (await logIn()).getAccessToken())).status).toBe(200);
  });

  it('does not start with a route that asks for the database, or for a kind', async () => {
    @Controller()
    class StrictController {
      @Get('strict')
      @VerifySessionOfIssuer({ checkDatabase: true })
      strict(): object {
        return {};
      }
    }
    const starting = boot({}, { controllers: [StrictController] });
    await expect(starting).rejects.toThrow(
      'StrictController.strict requires `checkDatabase`, but a SessionVerifierModule has no database',
    );
    await expect(starting).rejects.toThrow(SessionConfigurationError);
    // @ts-expect-error There is no database to check.
    expect(VerifySession({ checkDatabase: true })).toBeDefined();
  });

  it('does not start where the environment has no secret of the feed', async () => {
    await expect(boot({ revocations: { secret: process.env['NO_SUCH_SECRET'] } })).rejects.toThrow(
      '`revocations.secret` is missing and has no default',
    );
  });

  it('does not start with one status for two kinds of refusal', async () => {
    await expect(boot({ invalidClaimStatusCode: 401 })).rejects.toThrow(
      '`invalidClaimStatusCode` is the same as `sessionExpiredStatusCode`',
    );
  });

  it('gives a session that nobody else can make', async () => {
    await boot();
    const verification = service?.app.get(SessionVerification);
    const session = await verification?.verify((await logIn()).getAccessToken());
    const Made = session?.constructor as new () => ReadonlySession;
    expect(() => new Made()).toThrow(TypeError);
    expect(JSON.stringify(session)).not.toContain(session?.getAccessToken());
    expect(service?.app.get(IssuerClockProvider)).toBe(clock);
  });
});
