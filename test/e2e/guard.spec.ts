import { All, Controller, Get, Head, Options, Post, Req, Res } from '@nestjs/common';
import { APP_GUARD, ModuleRef } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  PublicAccess,
  SessionGuard,
  VerifySession,
  type SessionClaimValidator,
  type SessionContainer,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { QueryCounter } from '../support/query-counter.js';
import { expectAnswer, expectRefused, TRY_REFRESH, UNAUTHORISED } from '../support/refusal.js';
import { accessCookie, bothCookies, Scene, type Holder } from '../support/scene.js';

let validations = 0;
const countingValidator: SessionClaimValidator = {
  id: 'counting',
  validate: () => {
    validations += 1;
    return { isValid: true };
  },
};
const failing = (id: string): SessionClaimValidator => ({
  id,
  validate: () => ({ isValid: false, reason: { message: 'never' } }),
});

@Controller()
class GuardedByTheApplication {
  constructor(private readonly modules: ModuleRef) {}

  @Get('plain')
  plain(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Get('claim')
  claim(@CurrentSession('sub') userId: string): string {
    return userId;
  }

  @Get('open')
  @PublicAccess()
  open(): string {
    return 'open';
  }

  @Get('unguarded')
  @PublicAccess()
  unguarded(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Get('twice')
  @VerifySession({
    checkDatabase: true,
    overrideGlobalClaimValidators: () => [countingValidator],
  })
  twice(): string {
    return 'twice';
  }

  @Post('nested')
  @VerifySession({ antiCsrfCheck: false })
  async nested(@Req() request: object, @Res({ passthrough: true }) response: object) {
    const guard = this.modules.get(SessionGuard, { strict: false });
    const context = new ExecutionContextHost(
      [request, response],
      GuardedByTheApplication,
      this.plain,
    );
    return { passes: await guard.canActivate(context) };
  }

  @Get('roles')
  @VerifySession({ roles: ['admin', 'editor'], permissions: ['write'] })
  roles(): string {
    return 'roles';
  }

  @Head('head')
  @VerifySession()
  head(): void {}

  @Options('options')
  options(@CurrentSession() session: SessionContainer | undefined): object {
    return { session: session?.getUserId() ?? null };
  }

  @All('all')
  all(): string {
    return 'all';
  }
}

@Controller('open')
@PublicAccess()
class OpenController {
  @Get('a')
  a(): string {
    return 'a';
  }

  @Get('closed')
  @VerifySession()
  closed(): string {
    return 'closed';
  }
}

@Controller('closed')
@VerifySession({ overrideGlobalClaimValidators: () => [failing('controller')] })
class ClosedController {
  @Get('a')
  a(): string {
    return 'a';
  }

  @Get('own')
  @VerifySession({ overrideGlobalClaimValidators: () => [] })
  own(): string {
    return 'own';
  }

  @Get('open')
  @PublicAccess()
  open(): string {
    return 'open';
  }

  @Post('impersonate')
  @CreateSession()
  impersonate(): string {
    return 'somebody';
  }
}

describe.each(platforms)('a guard on the whole application on %s', (platform) => {
  const queries = new QueryCounter();
  let scene: Scene;
  let holder: Holder;
  let cookie: Record<string, string>;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      controllers: [GuardedByTheApplication, OpenController, ClosedController],
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
      database: { type: 'better-sqlite3', database: ':memory:', logging: true, logger: queries },
    });
    holder = await scene.login('u1');
    cookie = accessCookie(holder.access);
  });
  afterAll(() => scene.close());

  it('closes every route that says nothing', async () => {
    await expectRefused(scene, () => scene.get('/plain'), UNAUTHORISED);
    expect((await scene.get('/plain', cookie)).text).toBe('u1');
    expect((await scene.get('/claim', cookie)).text).toBe('u1');
  });

  it('leaves open what has @PublicAccess(), on the handler or on the controller', async () => {
    expect((await scene.get('/open')).text).toBe('open');
    expect((await scene.get('/open/a')).text).toBe('a');
  });

  it('leaves the login and the built-in routes open by themselves', async () => {
    expect((await scene.post('/login', {}, { userId: 'u2' })).status).toBe(201);
    expect((await scene.get('/auth/jwt/jwks.json')).status).toBe(200);
    expect((await scene.post('/auth/signout')).status).toBe(200);
    expectAnswer(await scene.refresh(), UNAUTHORISED);
  });

  it('lets a handler go before its controller, both ways', async () => {
    await expectRefused(scene, () => scene.get('/open/closed'), UNAUTHORISED);
    expect((await scene.get('/closed/open')).text).toBe('open');
    expect((await scene.get('/closed/a', cookie)).status).toBe(403);
    expect((await scene.get('/closed/own', cookie)).text).toBe('own');
  });

  it('does not let a login open itself against its controller', async () => {
    await expectRefused(scene, () => scene.post('/closed/impersonate'), UNAUTHORISED);
    expect((await scene.post('/closed/impersonate', cookie)).status).toBe(403);
  });

  it('verifies once where the route has a guard of its own: one read, one round of validators', async () => {
    queries.reset();
    validations = 0;
    expect((await scene.get('/twice', cookie)).text).toBe('twice');
    expect([queries.count('auth_session'), validations]).toEqual([1, 1]);
  });

  it('reads nothing where the database is not asked for', async () => {
    queries.reset();
    await scene.get('/plain', cookie);
    expect(queries.count('auth_session')).toBe(0);
  });

  it('checks again what a later guard asks for and no former one has checked', async () => {
    const evil = { ...cookie, 'sec-fetch-site': 'cross-site' };
    expectAnswer(await scene.post('/nested', evil), TRY_REFRESH);
    expect((await scene.post('/nested', cookie)).json).toEqual({ passes: true });
  });

  it('answers 403 with every role and permission that is missing', async () => {
    await expectRefused(scene, () => scene.get('/roles', bothCookies(holder)), {
      status: 403,
      body: {
        statusCode: 403,
        code: 'INVALID_CLAIMS',
        message: 'invalid claim',
        claimValidationErrors: [
          {
            id: 'st-role',
            reason: {
              message: 'value does not exist',
              expectedToInclude: ['admin', 'editor'],
            },
          },
          {
            id: 'st-perm',
            reason: { message: 'value does not exist', expectedToInclude: ['write'] },
          },
        ],
      },
    });
  });

  it('asks HEAD and TRACE for a session, and OPTIONS where its handler is not declared for it', async () => {
    expect((await scene.send('HEAD', '/head')).status).toBe(401);
    expect((await scene.send('HEAD', '/head', cookie)).status).toBe(200);
    expect((await scene.send('HEAD', '/plain')).status).toBe(401);
    expect((await scene.send('OPTIONS', '/options', cookie)).json).toEqual({ session: null });
    expect((await scene.send('OPTIONS', '/all')).status).toBe(401);
    expect((await scene.send('OPTIONS', '/all', cookie)).status).toBe(200);
    expect((await scene.send('TRACE', '/all')).status).toBe(401);
    expect((await scene.send('TRACE', '/all', cookie)).status).toBe(200);
  });

  it('is a mistake of the application’s where @CurrentSession() has no guard before it', async () => {
    expect((await scene.get('/unguarded', cookie)).status).toBe(500);
  });
});
